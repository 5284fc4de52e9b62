import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../build/bundle.ts';
import { packageDirectory } from '../../build/licences.ts';

let directory = '';
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'order-cache-bundle-'));
  await bundle(join(directory, 'first'));
});
after(() => rmSync(directory, { recursive: true }));

/** Away from the repository's node_modules, as in the image, and without any configuration. */
function start(command: 'operator' | 'worker' | 'maintenance') {
  const environment = { PATH: process.env.PATH ?? '' };
  const file = join(directory, 'first', `${command}.js`);
  return spawnSync(process.execPath, [file], {
    env: environment,
    cwd: directory,
    encoding: 'utf8',
    timeout: 20_000,
  });
}

describe('the content of the image', () => {
  for (const [command, complaint] of [
    ['operator', /ORDERCACHE_WORKER_IMAGE: expected .*, got/],
    ['worker', /ORDERCACHE_CONFIG_FILE: expected .*, got/],
    ['maintenance', /ORDERCACHE_CONFIG_FILE: expected .*, got/],
  ] as const) {
    it(`starts the ${command}, which says in one line what it lacks, and exits 1`, () => {
      const { status, stdout, stderr } = start(command);
      const said = `${stdout}${stderr}`.trimEnd();
      assert.match(said, complaint);
      assert.equal(said.split('\n').length, 1, said);
      assert.equal(status, 1);
    });
  }

  it('is the same bytes for the same sources', async () => {
    await bundle(join(directory, 'second'));
    const names = readdirSync(join(directory, 'first')).sort();
    assert.deepEqual(readdirSync(join(directory, 'second')).sort(), names);
    for (const name of names) {
      const [first, second] = ['first', 'second'].map((run) => readFileSync(join(directory, run, name)));
      assert.ok(first?.equals(second ?? Buffer.alloc(0)), name);
    }
  });

  it('brings the licence of each library that is in it', () => {
    const licences = readFileSync(join(directory, 'first', 'THIRD-PARTY-LICENSES'), 'utf8');
    for (const name of [
      '@kubernetes/client-node',
      'amqplib',
      'ioredis',
      'pg',
      'pino',
      'prom-client',
      'undici',
    ])
      assert.match(licences, new RegExp(`^${name} [0-9.]+ \\(`, 'm'));
  });

  it('names no path of the machine that made it', () => {
    const root = join(import.meta.dirname, '../..');
    for (const name of readdirSync(join(directory, 'first')))
      assert.ok(!readFileSync(join(directory, 'first', name), 'utf8').includes(root), name);
  });
});

describe('the package of a bundled file', () => {
  it('is the innermost one, with its scope', () => {
    assert.equal(
      packageDirectory('node_modules/a/node_modules/@b/c/lib/d.js'),
      'node_modules/a/node_modules/@b/c',
    );
    assert.equal(packageDirectory('worker/main.ts'), undefined);
  });
});
