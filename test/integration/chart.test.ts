import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments, stringify } from 'yaml';
import { installManifests, type Manifest } from '../../cdk8s/manifests.ts';
import { imageValues } from '../../cdk8s/values.ts';
import type { InstallOptions } from '../../cdk8s/values-schema.ts';
import { ensureHelm } from '../cluster/index.ts';

const chart = join(import.meta.dirname, '../../charts/order-cache-operator');
const RELEASE = 'order-cache-operator';
const NAMESPACE = 'order-cache-system';

/** What Helm is given, and what the constructs are given: both must come to the same objects. */
const INSTALLATIONS: Readonly<Record<string, InstallOptions>> = {
  'the default values': {},
  'several namespaces with Secrets of their own': {
    watchNamespaces: [{ name: 'shop' }, { name: '42', secretNames: ['broker', 'cache'] }],
    secretNames: ['rabbitmq'],
  },
  'rights in the whole cluster': { clusterWide: true, secretNames: ['rabbitmq', 'redis'] },
  'every value set': {
    image: imageValues('registry.example.com:5000/order-cache-operator:1.2.3'),
    workerImage: imageValues(`registry.example.com/worker@sha256:${'0'.repeat(64)}`),
    imagePullPolicy: 'Always',
    imagePullSecrets: [{ name: 'registry' }, { name: 'mirror' }],
    installation: 'eu-1',
    replicas: 1,
    logLevel: 'warn',
    workerLogLevel: 'debug',
    serviceAccountAnnotations: { 'example.com/role': 'operator "a"' },
    workerServiceAccountAnnotations: { 'example.com/role': 'worker: {{ 1 }} "b"' },
    resources: { requests: { cpu: 2, memory: 1000000000 }, limits: { cpu: '500m', memory: '1Gi' } },
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    tolerations: [{ key: 'dedicated', operator: 'Exists', tolerationSeconds: 3000000 }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    crds: { keep: false },
  },
  'no definition': { crds: { install: false } },
};

let helm = '';
let directory = '';

before(async () => {
  helm = await ensureHelm();
  directory = mkdtempSync(join(tmpdir(), 'order-cache-chart-'));
});

after(() => rmSync(directory, { recursive: true }));

function run(command: 'template' | 'lint', values: object, release = RELEASE) {
  const file = join(directory, 'values.yaml');
  writeFileSync(file, stringify(values));
  const place = command === 'lint' ? [chart] : [release, chart, '--namespace', NAMESPACE];
  return spawnSync(helm, [command, ...place, '--values', file, '--kube-version', '1.35.0'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

function render(values: object, release = RELEASE): Manifest[] {
  const { status, stdout, stderr } = run('template', values, release);
  assert.equal(status, 0, stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

const identity = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

/** By kind and name; without the annotation that only Helm reads. */
function comparable(manifests: readonly Manifest[]): Map<string, unknown> {
  const entries = manifests.map((manifest): [string, unknown] => {
    const { annotations, ...metadata } = manifest.metadata as { annotations?: Record<string, string> };
    const { 'helm.sh/resource-policy': _, ...rest } = annotations ?? {};
    return [identity(manifest), { ...manifest, metadata: { ...metadata, annotations: rest } }];
  });
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('the Helm chart', () => {
  for (const [what, values] of Object.entries(INSTALLATIONS)) {
    it(`renders what the constructs make, with ${what}`, () => {
      const expected = installManifests(values, { createNamespace: false });
      assert.deepEqual(comparable(render(values)), comparable(JSON.parse(JSON.stringify(expected))));
    });

    it(`passes helm lint with ${what}`, () => {
      const { status, stdout } = run('lint', values);
      assert.equal(status, 0, stdout);
    });
  }

  it('keeps the definition when the release is removed, unless told otherwise', () => {
    const policy = (values: InstallOptions): unknown => {
      const crd = render(values).find(({ kind }) => kind === 'CustomResourceDefinition');
      assert.ok(crd);
      return (crd.metadata.annotations as Record<string, string> | undefined)?.['helm.sh/resource-policy'];
    };
    assert.equal(policy({}), 'keep');
    assert.equal(policy({ crds: { keep: false } }), undefined);
  });

  it('names its objects after a release of another name', () => {
    const deployment = render({}, 'blue').find(({ kind }) => kind === 'Deployment');
    assert.equal(deployment?.metadata.name, 'blue-order-cache-operator');
  });

  const refused: readonly [string, object, RegExp][] = [
    ['an unknown value', { replica: 2 }, /replica/],
    ['a misspelt value inside another', { image: { repo: 'x' } }, /image.*repo/s],
    ['too many replicas', { replicas: 9 }, /replicas.*maximum/s],
    ['an unknown log level', { logLevel: 'loud' }, /logLevel/],
    ['no namespace to watch', { watchNamespaces: [] }, /watchNamespaces/],
    [
      'a name for a namespace that is none',
      { watchNamespaces: [{ name: 'A b' }] },
      /watchNamespaces\/0\/name/,
    ],
    ['no Secret to read, which RBAC would take for all', { secretNames: [] }, /secretNames/],
    ['a namespace without Secrets', { watchNamespaces: [{ name: 'a', secretNames: [] }] }, /secretNames/],
    ['a pull secret as a bare string', { imagePullSecrets: ['registry'] }, /imagePullSecrets/],
  ];
  for (const [what, values, message] of refused) {
    it(`is refused with ${what}`, () => {
      const { status, stderr } = run('template', values);
      assert.notEqual(status, 0);
      assert.match(stderr, message);
    });
  }

  it('grants no Secret at all rather than every Secret when the schema is skipped', () => {
    const args = ['template', RELEASE, chart, '--kube-version', '1.35.0', '--skip-schema-validation'];
    const { status, stderr } = spawnSync(helm, [...args, '--set-json', 'secretNames=[]'], {
      encoding: 'utf8',
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /secretNames: expected at least one name/);
  });
});
