import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { importGraph } from './import-graph.ts';

/** What `npm pack` packs, unpacked into a project of somebody else's. */

const root = join(import.meta.dirname, '../..');
const modules = join(root, 'node_modules');
let project = '';

/** Types are in use: the second call must be found out. */
const PROGRAM = `
import { createReader } from 'order-cache-operator/reader';
import { createPublisher } from 'order-cache-operator/publisher';
import { OrderCachePolicy } from 'order-cache-operator/cdk8s';
console.log([createReader, createPublisher, OrderCachePolicy].map((door) => typeof door).join(' '));
`;
const MISTAKE = `
import { createPublisher } from 'order-cache-operator/publisher';
createPublisher({ uri: 7 });
`;

before(() => {
  project = mkdtempSync(join(tmpdir(), 'order-cache-package-'));
  const unpacked = join(project, 'node_modules', 'order-cache-operator');
  mkdirSync(unpacked, { recursive: true });
  execFileSync('npm', ['pack', '--silent', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${join(modules, '.bin')}:${process.env.PATH}` },
  });
  const archive = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
  execFileSync('tar', ['xzf', join(project, archive), '--strip-components=1', '-C', unpacked]);
  for (const name of readdirSync(modules)) {
    if (!name.startsWith('.') && !name.startsWith('order-cache-operator'))
      symlinkSync(join(modules, name), join(project, 'node_modules', name));
  }
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
  writeFileSync(join(project, 'program.ts'), PROGRAM);
  writeFileSync(join(project, 'mistake.ts'), MISTAKE);
});
after(() => rmSync(project, { recursive: true }));

function typeCheck(file: string) {
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  return spawnSync(join(modules, '.bin', 'tsc'), [...options, file], { cwd: project, encoding: 'utf8' });
}

describe('the npm package', () => {
  it('gives its three doors to a program', () => {
    const said = execFileSync(process.execPath, ['--no-warnings', 'program.ts'], {
      cwd: project,
      encoding: 'utf8',
    });
    assert.equal(said.trim(), 'function function function');
  });

  it('gives their types', () => {
    const { status, stdout } = typeCheck('program.ts');
    assert.equal(status, 0, stdout);
  });

  it('gives types that find a mistake', () => {
    const { status, stdout } = typeCheck('mistake.ts');
    assert.notEqual(status, 0);
    assert.match(stdout, /Type 'number' is not assignable to type 'string'/);
  });

  it('holds the library, the chart and the manifests, and neither tests nor the image', () => {
    const packed = readdirSync(join(project, 'node_modules', 'order-cache-operator'));
    assert.ok(
      ['LICENSE', 'charts', 'dist', 'install', 'package.json'].every((name) => packed.includes(name)),
    );
    const built = readdirSync(join(project, 'node_modules', 'order-cache-operator', 'dist'));
    assert.deepEqual(built.sort(), ['api', 'cache', 'cdk8s', 'publisher']);
  });

  it('depends on what its doors import, and on nothing that only the image needs', async () => {
    const graph = await importGraph(root, ['cache/reader.ts', 'publisher/index.ts', 'cdk8s/index.ts']);
    const used = new Set(
      graph.flatMap(({ packages }) => packages).filter((name) => !name.startsWith('node:')),
    );
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    // The types of cdk8s constructs refer to those of constructs.
    const declared = [...Object.keys(dependencies), ...Object.keys(peerDependencies)].filter(
      (name) => name !== 'constructs',
    );
    assert.deepEqual([...used].sort(), declared.sort());
  });
});
