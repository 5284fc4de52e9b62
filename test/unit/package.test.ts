import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ENTRY_POINTS } from '../../build/package.ts';
import { ROOT } from '../fixtures/docs-pages.ts';
import { type PackedProject, packedProject } from '../fixtures/packed-project.ts';
import { importGraph } from './import-graph.ts';

/** What `npm pack` packs, installed into an empty project with the libraries that each kind of user has. */

type EntryPoint = keyof typeof ENTRY_POINTS;

/** All that the users of an entry point install beside the package, as docs/npm.md says. */
const LIBRARIES: Readonly<Record<EntryPoint, readonly string[]>> = {
  reader: ['ioredis'],
  publisher: ['amqplib'],
  cdk8s: ['cdk8s', 'constructs'],
};

const USES: Readonly<Record<EntryPoint, string>> = {
  reader: `import { createReader, type ReaderOptions } from 'order-cache-operator/reader';
export const options: ReaderOptions = { redis: { uri: 'redis://127.0.0.1:1' }, keyPrefix: 'order:', load: async () => null };
console.log(typeof createReader);`,
  publisher: `import { createPublisher, type PublisherOptions } from 'order-cache-operator/publisher';
export const options: PublisherOptions = { uri: 'amqp://127.0.0.1:1', exchange: 'mes', routingKey: '' };
console.log(typeof createPublisher);`,
  cdk8s: `import { OrderCachePolicy, type OrderCachePolicySpecInput } from 'order-cache-operator/cdk8s';
export const ttl: OrderCachePolicySpecInput['ttl'] = { defaultSeconds: 60 };
console.log(typeof OrderCachePolicy);`,
};

const MISTAKE = `import { createPublisher } from 'order-cache-operator/publisher';
createPublisher({ uri: 7 });`;

const entryPoints = Object.keys(ENTRY_POINTS) as EntryPoint[];
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

let project: PackedProject;
before(() => {
  project = packedProject();
  for (const entry of entryPoints) {
    project.write(`${entry}.mts`, USES[entry]);
    project.write(`${entry}.cts`, USES[entry]);
    project.write(`${entry}.cjs`, `console.log(typeof require('order-cache-operator/${entry}'));`);
  }
});
after(() => project?.remove());

for (const entry of entryPoints)
  describe(`order-cache-operator/${entry} beside ${LIBRARIES[entry].join(' and ')}`, () => {
    before(() => project.link([...LIBRARIES[entry], '@types/node']));

    it('has types for .mts and .cts under module node16, the declarations of libraries checked too', () => {
      assert.equal(project.check('node16', `${entry}.mts`, `${entry}.cts`), '');
    });

    it('is imported by an ES module and required by a CommonJS module', () => {
      assert.deepEqual(project.run(`${entry}.mts`), { status: 0, output: 'function\n' });
      assert.deepEqual(project.run(`${entry}.cjs`), { status: 0, output: 'object\n' });
    });

    it(`says which package it lacks without ${LIBRARIES[entry][0]}`, () => {
      project.link([]);
      const { status, output } = project.run(`${entry}.mts`);
      assert.equal(status, 1);
      assert.match(
        output,
        new RegExp(`Cannot find package '${LIBRARIES[entry][0]}' imported from .*${entry}.js`),
      );
    });
  });

describe('the npm package', () => {
  before(() => project.link([...Object.values(LIBRARIES).flat(), '@types/node']));

  it('is installed without any other package', () => {
    const installed = project.installed.split('\n').slice(1);
    assert.deepEqual(installed, [join(project.directory, 'node_modules/order-cache-operator')]);
  });

  it('has types under module nodenext that find a mistake', () => {
    project.write('mistake.mts', MISTAKE);
    const uses = entryPoints.flatMap((entry) => [`${entry}.mts`, `${entry}.cts`]);
    const lines = project
      .check('nodenext', ...uses, 'mistake.mts')
      .trim()
      .split('\n');
    assert.match(lines[0] ?? '', /^mistake\.mts.*Type 'number' is not assignable to type 'string'/);
    assert.deepEqual(
      lines.filter((line) => /^\S/.test(line) && !line.startsWith('mistake.mts')),
      [],
    );
  });

  it('holds the library, the chart and the manifests, and neither tests nor the image', () => {
    const unpacked = join(project.directory, 'node_modules/order-cache-operator');
    const packed = readdirSync(unpacked);
    for (const name of ['LICENSE', 'README.md', 'charts', 'docs', 'install', 'package.json'])
      assert.ok(packed.includes(name), name);
    assert.deepEqual(readdirSync(join(unpacked, 'dist')).sort(), ['cjs', 'esm']);
    assert.match(
      readFileSync(join(unpacked, 'dist/esm/THIRD-PARTY-LICENSES'), 'utf8'),
      /^typebox .*\(MIT\)$/m,
    );
  });

  it('has what its entry points import as optional peers, except what is part of it', async () => {
    const graph = await importGraph(ROOT, Object.values(ENTRY_POINTS));
    const used = new Set(
      graph.flatMap(({ packages }) => packages).filter((name) => !name.startsWith('node:')),
    );
    const { dependencies, peerDependencies, peerDependenciesMeta } = manifest;
    const peers = Object.keys(peerDependencies);
    // The types of cdk8s constructs refer to those of constructs.
    const expected = [...peers.filter((name) => name !== 'constructs'), '@marcbachmann/cel-js', 'typebox'];
    assert.deepEqual([...used].sort(), expected.sort());
    assert.equal(dependencies, undefined);
    assert.deepEqual(
      peers.map((name) => peerDependenciesMeta[name]),
      peers.map(() => ({ optional: true })),
    );
    assert.deepEqual(Object.values(LIBRARIES).flat().sort(), peers.sort());
  });
});
