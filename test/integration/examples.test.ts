import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { policies } from '../../docs/examples/cdk8s-app.ts';
import { fence, read } from '../fixtures/docs-pages.ts';
import { dryRun, installDefinition, type Kubectl, makeNamespace, openKubectl } from './kubectl.ts';

const directory = join(import.meta.dirname, '../../docs/examples');

/** Their definitions are not at hand: Argo CD, Flux, and kustomize's file that is no object of the API. */
const FOREIGN = /^(argoproj\.io|[a-z.]+\.fluxcd\.io|kustomize\.config\.k8s\.io)\//;

interface Example {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

let kubectl: Kubectl;
let namespace: Awaited<ReturnType<typeof makeNamespace>>;

before(async () => {
  kubectl = await openKubectl();
  await installDefinition(kubectl);
  namespace = await makeNamespace(kubectl);
});

after(() => namespace.remove());

const objectsOf = (text: string): Example[] => parseAllDocuments(text).map((document) => document.toJS());
/** In the test's namespace: the one that the example names need not exist. */
const here = (example: Example) => ({
  ...example,
  metadata: { ...example.metadata, namespace: namespace.name },
});

describe('the API server accepts', () => {
  for (const file of globSync('*.yaml', { cwd: directory }).sort()) {
    const objects = objectsOf(readFileSync(join(directory, file), 'utf8'));
    const known = objects.filter(({ apiVersion }) => !FOREIGN.test(apiVersion));
    if (known.length === 0) continue;
    it(`docs/examples/${file}`, async () => {
      const said = await dryRun(kubectl, known.map(here));
      for (const { metadata } of known) assert.ok(said.includes(`"name": "${metadata.name}"`), said);
    });
  }

  it('the policy of README.md', async () => {
    const policy = objectsOf(fence(read('README.md'), 'yaml'));
    assert.match(await dryRun(kubectl, policy.map(here)), /"name": "orders"/);
  });

  it('what the cdk8s example makes', async () => {
    const made = objectsOf(policies([{ namespace: 'any', maxReplicas: 3 }]));
    assert.match(await dryRun(kubectl, made.map(here)), /"maxReplicas": 3/);
  });

  it('docs/examples as kustomize builds it, with the patch in it', async () => {
    const built = objectsOf(await kubectl(['kustomize', directory]));
    assert.match(await dryRun(kubectl, built.map(here)), /"maxReplicas": 20/);
  });
});

describe('the API server refuses', () => {
  const [orders] = objectsOf(readFileSync(join(directory, 'orders.yaml'), 'utf8'));
  const withSpec = (changes: object) => ({
    ...here(orders as Example),
    spec: { ...(orders as Example & { spec: object }).spec, ...changes },
  });

  it('a misspelt field of an example', async () => {
    await assert.rejects(dryRun(kubectl, [withSpec({ tll: {} })]), /tll/);
  });

  it('an example without what its strategy needs', async () => {
    const missing = [withSpec({ database: undefined })];
    await assert.rejects(dryRun(kubectl, missing), /spec\.database.*is required for strategy WriteThrough/s);
  });
});
