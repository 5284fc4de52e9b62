import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { API_VERSION, KIND } from '../../api/names.ts';
import { policySpec } from '../../api/policy-spec.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';

const directory = join(import.meta.dirname, '../../docs/examples');
const mistakes = inputCheck(policySpec);

interface Example {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string };
  readonly spec?: unknown;
}

function read(file: string): Example[] {
  const documents = parseAllDocuments(readFileSync(join(directory, file), 'utf8'));
  for (const { errors, warnings } of documents) assert.deepEqual([...errors, ...warnings], []);
  return documents.map((document) => document.toJS());
}

const isPolicy = ({ kind, apiVersion }: Example): boolean => kind === KIND && apiVersion === API_VERSION;

describe('docs/examples', () => {
  const files = globSync('*.yaml', { cwd: directory }).sort();

  // Argo CD and Flux objects are checked for no more than this: their definitions are not at hand.
  for (const file of files) {
    it(`${file} is well-formed`, () => {
      const objects = read(file);
      assert.ok(objects.length > 0);
      for (const { apiVersion, kind, metadata } of objects) {
        assert.match(apiVersion ?? '', /^([a-z0-9.]+\/)?v[0-9a-z]+$/);
        assert.match(kind ?? '', /^[A-Z][A-Za-z]+$/);
        if (file !== 'kustomization.yaml') assert.match(metadata?.name ?? '', /^[a-z0-9-]+$/);
      }
    });
  }

  for (const file of files.filter((name) => read(name).some(isPolicy))) {
    it(`${file} holds policies that fit the schema`, () => {
      for (const policy of read(file).filter(isPolicy)) assert.deepEqual(mistakes(policy.spec), []);
    });
  }

  it('are refused by the schema once a field is misspelt', () => {
    const [policy] = read('orders.yaml');
    assert.deepEqual(mistakes({ ...(policy?.spec as object), tll: {} }), ['tll: unknown field']);
  });
});
