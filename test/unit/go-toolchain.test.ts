import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { goEnvironment, isRecentGo } from '../cluster/go.ts';

/** Programs stand in for an old Go and for the one that it downloads. */

interface Machine {
  readonly env: NodeJS.ProcessEnv;
  /** What `go` was called with. */
  readonly calls: () => string[];
  /** Where the module golang.org/toolchain lies. */
  readonly module: string;
}

function machine(t: TestContext, version: string): Machine {
  const place = mkdtempSync(join(tmpdir(), 'order-cache-go-'));
  t.after(() => rmSync(place, { recursive: true }));
  const [bin, module, log] = [join(place, 'bin'), join(place, 'module'), join(place, 'calls')];
  for (const folder of [bin, join(module, 'bin'), join(module, 'pkg/tool/linux'), join(module, 'src/cmd')])
    mkdirSync(folder, { recursive: true });
  const lines = [
    '#!/bin/sh',
    `echo "$@" >> ${log}`,
    `test "$1" = env && echo ${version} || echo '{"Dir": "${module}"}'`,
  ];
  writeFileSync(join(bin, 'go'), lines.join('\n'), { mode: 0o755 });
  writeFileSync(join(module, 'bin/go'), '#!/bin/sh\necho the downloaded one\n', { mode: 0o444 });
  writeFileSync(join(module, 'pkg/tool/linux/compile'), '#!/bin/sh\necho compiles\n', { mode: 0o444 });
  for (const folder of ['src', 'src/cmd']) writeFileSync(join(module, folder, '_go.mod'), `module ${folder}`);
  const env = { PATH: [bin, '/usr/bin', '/bin'].join(delimiter) };
  return { env, module, calls: () => readFileSync(log, 'utf8').trim().split('\n') };
}

test('Go 1.26 and later is recent', () => {
  const versions = ['1.9', '1.19', '1.25', '1.26', '1.30', '2.0'];
  assert.deepEqual(versions.filter(isRecentGo), ['1.26', '1.30', '2.0']);
});

test('a recent Go of PATH downloads nothing', async (t) => {
  const { env, calls } = machine(t, 'go1.26.1');
  assert.equal(await goEnvironment(env), env);
  assert.deepEqual(calls(), ['env GOVERSION']);
});

for (const version of ['go1.19.8', 'go1.22.2', 'go1.25.0-X:nodwarf5'])
  test(`${version} downloads Go 1.26 as a module, which then runs`, async (t) => {
    const { env, calls, module } = machine(t, version);
    const found = await goEnvironment(env);
    assert.match(
      calls().at(-1) ?? '',
      /^mod download -json golang\.org\/toolchain@v0\.0\.1-go1\.26\.\d+\.\w+-\w+$/,
    );
    assert.equal(found.GOROOT, module);
    assert.equal(execFileSync('go', { env: found, encoding: 'utf8' }), 'the downloaded one\n');
    assert.equal(execFileSync(join(module, 'pkg/tool/linux/compile'), { encoding: 'utf8' }), 'compiles\n');
    assert.equal(readFileSync(join(module, 'src/cmd/go.mod'), 'utf8'), 'module src/cmd');
  });
