import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ensureActionlint } from '../cluster/binaries.ts';

const root = join(import.meta.dirname, '../..');
let actionlint = '';

before(async () => {
  actionlint = await ensureActionlint();
});

/** Without shellcheck and pyflakes, which only some machines have. */
function lint(files: readonly string[], input = '') {
  const args = ['-shellcheck=', '-pyflakes=', '-no-color', ...files];
  const { status, stdout, stderr } = spawnSync(actionlint, args, {
    cwd: root,
    encoding: 'utf8',
    input,
    timeout: 60_000,
  });
  return { status, output: `${stdout}${stderr}` };
}

describe('the workflows of GitHub', () => {
  it('pass actionlint', () => {
    const files = globSync('.github/workflows/*.yml', { cwd: root });
    assert.ok(files.length > 0);
    assert.deepEqual(lint(files), { status: 0, output: '' });
  });

  it('are checked by an actionlint that finds a job that does not exist', () => {
    const workflow = {
      on: 'push',
      jobs: { a: { 'runs-on': 'ubuntu-24.04', needs: ['b'], steps: [{ run: 'true' }] } },
    };
    const { status, output } = lint(['-'], JSON.stringify(workflow));
    assert.equal(status, 1, output);
    assert.match(output, /job "a" needs job "b" which does not exist/);
  });
});
