import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { installManifests, type Manifest } from '../../cdk8s/manifests.ts';
import { imageValues } from '../../cdk8s/values.ts';
import type { InstallOptions } from '../../cdk8s/values-schema.ts';
import { Helm, isHook } from './helm.ts';

/** What Helm is given, and what the constructs are given: both must come to the same objects. */
const INSTALLATIONS: Readonly<Record<string, InstallOptions>> = {
  'the default values': {},
  'several namespaces with Secrets of their own': {
    watchNamespaces: [{ name: 'shop' }, { name: '42', secretNames: ['broker', 'cache'] }],
    secretNames: ['rabbitmq'],
  },
  'rights in the whole cluster': { clusterWide: true, secretNames: ['rabbitmq', 'redis'] },
  'every value set': {
    image: {
      ...imageValues('registry.example.com:5000/order-cache-operator:1.2.3'),
      pullPolicy: 'Always',
    },
    workerImage: imageValues(`registry.example.com/worker@sha256:${'0'.repeat(64)}`),
    imagePullSecrets: [{ name: 'registry' }, { name: 'mirror' }],
    installation: 'eu-1',
    replicaCount: 1,
    logLevel: 'warn',
    workerLogLevel: 'debug',
    serviceAccount: { name: 'cache', annotations: { 'example.com/role': 'operator "a"' } },
    commonLabels: { team: 'orders', 'app.kubernetes.io/name': 'displaced' },
    podLabels: { team: 'platform', sidecar: 'false' },
    podAnnotations: { 'example.com/scrape': 'true' },
    podSecurityContext: { runAsUser: 2000000, runAsGroup: null, supplementalGroups: [3000000] },
    securityContext: { capabilities: { add: ['NET_BIND_SERVICE'] } },
    extraEnv: [{ name: 'HTTPS_PROXY', value: 'http://proxy:3128' }],
    priorityClassName: 'system-cluster-critical',
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    podDisruptionBudget: { minAvailable: '50%' },
    serviceMonitor: { enabled: true, interval: '1m', labels: { release: 'prometheus' } },
    podMonitor: { enabled: true, labels: { release: 'prometheus' } },
    networkPolicy: { enabled: true, ingressFrom: [{ podSelector: {} }], egress: [{}] },
    workerServiceAccountAnnotations: { 'example.com/role': 'worker: {{ 1 }} "b"' },
    resources: { requests: { cpu: 2, memory: 1000000000 }, limits: { cpu: '500m', memory: '1Gi' } },
    nodeSelector: { 'kubernetes.io/arch': 'amd64' },
    tolerations: [{ key: 'dedicated', operator: 'Exists', tolerationSeconds: 3000000 }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    crds: { keep: false },
  },
  'no definition': { crds: { install: false } },
  'ids that the platform assigns': { platform: { openshift: true }, podSecurityContext: { fsGroup: 1 } },
  'rights and account of somebody else': {
    rbac: { create: false },
    serviceAccount: { create: false, name: 'cache' },
  },
  'monitors and a network policy in the whole cluster': {
    clusterWide: true,
    serviceMonitor: { enabled: true },
    podMonitor: { enabled: true },
    networkPolicy: { enabled: true },
    podDisruptionBudget: { enabled: false },
  },
  'a namespace that is listed twice': {
    watchNamespaces: [
      { name: 'shop', secretNames: ['redis'] },
      { name: 'returns' },
      { name: 'shop', secretNames: ['redis', 'broker'] },
    ],
    podMonitor: { enabled: true },
  },
};

let helm: Helm;

before(async () => {
  helm = await Helm.open();
});

after(() => helm.close());

const identity = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

const ONLY_HELM = ['helm.sh/resource-policy', 'helm.sh/chart', 'app.kubernetes.io/managed-by'];

function shared(map: unknown): object {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([name]) => !ONLY_HELM.includes(name)));
}

/** By kind and name; without hooks, and without the labels and annotation that only Helm needs. */
function comparable(manifests: readonly Manifest[]): Map<string, unknown> {
  const kept = manifests.filter((manifest) => !isHook(manifest));
  const entries = kept.map((manifest): [string, unknown] => {
    const { metadata } = manifest;
    const maps = { labels: shared(metadata.labels), annotations: shared(metadata.annotations) };
    return [identity(manifest), { ...manifest, metadata: { ...metadata, ...maps } }];
  });
  assert.equal(new Set(entries.map(([name]) => name)).size, entries.length, 'two objects of one name');
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe('the Helm chart', () => {
  for (const [what, values] of Object.entries(INSTALLATIONS)) {
    it(`renders what the constructs make, with ${what}`, () => {
      const expected = installManifests(values, { createNamespace: false });
      assert.deepEqual(comparable(helm.render(values)), comparable(JSON.parse(JSON.stringify(expected))));
    });

    it(`passes helm lint with ${what}`, () => {
      const { status, stdout } = helm.lint(values);
      assert.equal(status, 0, stdout);
    });
  }

  it('keeps the definition when the release is removed, unless told otherwise', () => {
    const policy = (values: InstallOptions): unknown => {
      const crd = helm.render(values).find(({ kind }) => kind === 'CustomResourceDefinition');
      assert.ok(crd);
      return (crd.metadata.annotations as Record<string, string> | undefined)?.['helm.sh/resource-policy'];
    };
    assert.equal(policy({}), 'keep');
    assert.equal(policy({ crds: { keep: false } }), undefined);
  });

  it('names its objects after a release of another name', () => {
    const deployment = helm.render({}, { release: 'blue' }).find(({ kind }) => kind === 'Deployment');
    assert.equal(deployment?.metadata.name, 'blue-order-cache-operator');
  });

  const refused: readonly [string, object, RegExp][] = [
    ['an unknown value', { replica: 2 }, /replica/],
    ['a misspelt value inside another', { image: { repo: 'x' } }, /image.*repo/s],
    ['too many replicas', { replicaCount: 9 }, /replicaCount.*maximum/s],
    ['an unknown log level', { logLevel: 'loud' }, /logLevel/],
    ['no namespace to watch', { watchNamespaces: [] }, /watchNamespaces/],
    [
      'a name for a namespace that is none',
      { watchNamespaces: [{ name: 'A b' }] },
      /watchNamespaces\/0\/name/,
    ],
    ['no Secret to read, which RBAC would take for all', { secretNames: [] }, /secretNames/],
    ['a namespace without Secrets', { watchNamespaces: [{ name: 'a', secretNames: [] }] }, /secretNames/],
    ['an account that nobody names', { serviceAccount: { create: false } }, /serviceAccount.name: expected/],
    ['the old name of replicaCount', { replicas: 2 }, /\/replicas.*renamed: replicaCount/],
    ['the old name of image.pullPolicy', { imagePullPolicy: 'Always' }, /renamed: image.pullPolicy/],
    [
      'the old name of serviceAccount.annotations',
      { serviceAccountAnnotations: {} },
      /renamed: serviceAccount/,
    ],
    ['a pull secret as a bare string', { imagePullSecrets: ['registry'] }, /imagePullSecrets/],
  ];
  for (const [what, values, message] of refused) {
    it(`is refused with ${what}`, () => {
      const { status, stderr } = helm.template(values);
      assert.notEqual(status, 0);
      assert.match(stderr, message);
    });
  }

  it('grants no Secret at all rather than every Secret when the schema is skipped', () => {
    const args = ['--skip-schema-validation', '--set-json', 'secretNames=[]'];
    const { status, stderr } = helm.template({}, { args });
    assert.notEqual(status, 0);
    assert.match(stderr, /secretNames: expected at least one name/);
  });
});
