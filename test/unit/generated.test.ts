import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { customResourceDefinition } from '../../api/crd.ts';
import { GENERATED_DIRECTORIES, generatedFiles } from '../../cdk8s/generated-files.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('generated files', () => {
  for (const [path, content] of generatedFiles()) {
    it(`${path} is what its sources say (else: make generate)`, () => {
      assert.equal(read(path), content);
    });
  }

  it('have no other file among them', () => {
    const found = GENERATED_DIRECTORIES.flatMap((directory) =>
      globSync(`${directory}/**/*`, { cwd: root, withFileTypes: true })
        .filter((file) => file.isFile())
        .map((file) => join(file.parentPath, file.name).slice(root.length + 1)),
    );
    const expected = [...generatedFiles().keys()].filter((path) =>
      GENERATED_DIRECTORIES.some((directory) => path.startsWith(`${directory}/`)),
    );
    assert.deepEqual(found.sort(), expected.sort());
  });

  it('say that they are generated', () => {
    const silent = [...generatedFiles()].filter(
      ([, content]) => !content.slice(0, 400).includes('make generate'),
    );
    assert.deepEqual(
      silent.map(([path]) => path),
      // Its text is shown to whoever installs the chart.
      ['charts/order-cache-operator/templates/NOTES.txt'],
    );
  });

  it('hold the CustomResourceDefinition of api/ unchanged', () => {
    const objects = parseAllDocuments(read('install/order-cache-operator.yaml')).map((document) =>
      document.toJS(),
    );
    const definition = objects.find(({ kind }) => kind === 'CustomResourceDefinition');
    assert.deepEqual(definition, JSON.parse(JSON.stringify(customResourceDefinition())));
  });
});
