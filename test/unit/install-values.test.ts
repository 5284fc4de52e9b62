import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { installManifests, type Manifest } from '../../cdk8s/manifests.ts';
import { imageValues } from '../../cdk8s/values.ts';
import type { InstallOptions } from '../../cdk8s/values-schema.ts';
import { readSettings } from '../../operator/settings.ts';

interface Rule {
  readonly apiGroups: string[];
  readonly resources: string[];
  readonly verbs: string[];
  readonly resourceNames?: string[];
}
interface PodSpec {
  readonly containers: { readonly image: string; readonly env: { name: string; value?: string }[] }[];
  readonly imagePullSecrets?: { name: string }[];
  readonly securityContext?: { runAsNonRoot?: boolean };
}

const find = (manifests: Manifest[], kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const rulesOf = (manifest: Manifest): Rule[] => manifest.rules as Rule[];
const secretRule = (manifest: Manifest): Rule | undefined =>
  rulesOf(manifest).find(({ resources }) => resources.includes('secrets'));

function podOf(manifests: Manifest[]): PodSpec {
  const [deployment] = find(manifests, 'Deployment');
  assert.ok(deployment);
  return (deployment.spec as { template: { spec: PodSpec } }).template.spec;
}

function environment(manifests: Manifest[]): Record<string, string | undefined> {
  const variables = podOf(manifests).containers[0]?.env ?? [];
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}

describe('an installation', () => {
  it('has no wildcard in its rights, and no Secret without a name', () => {
    for (const clusterWide of [false, true]) {
      const roles = installManifests({ clusterWide }).filter(({ rules }) => rules !== undefined);
      assert.ok(roles.length > 0);
      for (const rule of roles.flatMap(rulesOf)) {
        assert.ok(!JSON.stringify(rule).includes('*'), JSON.stringify(rule));
        if (rule.resources.includes('secrets')) assert.ok((rule.resourceNames ?? []).length > 0);
      }
    }
  });

  it('has a Role in each watched namespace, for its own Secrets only', () => {
    const manifests = installManifests({
      watchNamespaces: [{ name: 'shop' }, { name: 'returns', secretNames: ['broker'] }],
      secretNames: ['rabbitmq', 'redis'],
    });
    const roles = find(manifests, 'Role').filter(secretRule);
    assert.deepEqual(
      roles.map((role) => [role.metadata.namespace, secretRule(role)?.resourceNames]),
      [
        ['shop', ['rabbitmq', 'redis']],
        ['returns', ['broker']],
      ],
    );
    assert.equal(environment(manifests).ORDERCACHE_WATCH_NAMESPACES, 'shop,returns');
    const resources = find(manifests, 'ClusterRole').flatMap(
      ({ rules }) => rules as { resources: string[] }[],
    );
    assert.deepEqual(
      resources.flatMap((rule) => rule.resources),
      ['ordercachepolicies', 'ordercachepolicies/status', 'namespaces'],
    );
  });

  it('has a ClusterRole where it is asked for', () => {
    const manifests = installManifests({ clusterWide: true });
    assert.deepEqual(
      find(manifests, 'ClusterRole').map(({ metadata }) => metadata.name),
      ['order-cache-system-order-cache-operator-policies', 'order-cache-system-order-cache-operator'],
    );
    assert.deepEqual(
      find(manifests, 'Role').map(({ metadata }) => metadata.name),
      ['order-cache-operator-leader-election'],
    );
    assert.equal(environment(manifests).ORDERCACHE_WATCH_NAMESPACES, '');
  });

  it('runs workers from the image of the operator unless they have their own', () => {
    const image = imageValues('registry.example.com:5000/team/order-cache-operator:1.2.3');
    const same = installManifests({ image });
    assert.equal(
      podOf(same).containers[0]?.image,
      'registry.example.com:5000/team/order-cache-operator:1.2.3',
    );
    assert.equal(environment(same).ORDERCACHE_WORKER_IMAGE, podOf(same).containers[0]?.image);
    const digest = `sha256:${'a'.repeat(64)}`;
    const other = installManifests({ image, workerImage: imageValues(`worker@${digest}`) });
    assert.equal(environment(other).ORDERCACHE_WORKER_IMAGE, `worker@${digest}`);
  });

  it('hands pull secrets to its own pods and to the workers', () => {
    const manifests = installManifests({ imagePullSecrets: [{ name: 'one' }, { name: 'two' }] });
    assert.deepEqual(podOf(manifests).imagePullSecrets, [{ name: 'one' }, { name: 'two' }]);
    assert.equal(environment(manifests).ORDERCACHE_WORKER_IMAGE_PULL_SECRETS, 'one,two');
  });

  it('does not roll the workers when the log level of the operator changes', () => {
    const level = (logLevel: 'info' | 'debug') =>
      readSettings({
        ...environment(installManifests({ logLevel })),
        POD_NAME: 'operator-1',
        POD_NAMESPACE: 'order-cache-system',
      });
    assert.equal(level('debug').logLevel, 'debug');
    assert.deepEqual(level('debug').worker, level('info').worker);
  });

  it('takes two entries for one namespace as one, with the Secrets of both', () => {
    const watchNamespaces = [
      { name: 'shop', secretNames: ['redis'] },
      { name: 'shop', secretNames: ['redis', 'broker'] },
      { name: 'shop', secretNames: ['redis'] },
    ];
    const manifests = installManifests({ watchNamespaces });
    const [role, ...more] = find(manifests, 'Role').filter(secretRule);
    assert.ok(role);
    assert.deepEqual([secretRule(role)?.resourceNames, more], [['redis', 'broker'], []]);
    assert.equal(environment(manifests).ORDERCACHE_WATCH_NAMESPACES, 'shop');
  });

  it('sets no user or group id anywhere where the platform assigns them', () => {
    const manifests = installManifests({
      platform: { openshift: true },
      podSecurityContext: { fsGroup: 65532 },
      securityContext: { runAsUser: 65532 },
    });
    assert.doesNotMatch(JSON.stringify(manifests), /"(runAsUser|runAsGroup|fsGroup)":/);
    assert.equal(podOf(manifests).securityContext?.runAsNonRoot, true);
    assert.equal(environment(manifests).ORDERCACHE_WORKER_FIXED_USER_ID, 'false');
  });

  it('gives the operator the environment that it reads', () => {
    const manifests = installManifests({
      installation: 'eu',
      watchNamespaces: [{ name: 'shop' }, { name: 'returns' }],
      imagePullSecrets: [{ name: 'registry' }],
      workerServiceAccountAnnotations: { 'example.com/role': 'a "quoted" role' },
      workerLogLevel: 'debug',
    });
    const pod = { POD_NAME: 'operator-1', POD_NAMESPACE: 'order-cache-system' };
    assert.deepEqual(readSettings({ ...environment(manifests), ...pod }), {
      installation: 'eu',
      watchNamespaces: ['shop', 'returns'],
      worker: {
        image: 'order-cache-operator:0.1.0',
        imagePullPolicy: 'IfNotPresent',
        imagePullSecrets: ['registry'],
        serviceAccountAnnotations: { 'example.com/role': 'a "quoted" role' },
        logLevel: 'debug',
        fixedUserId: true,
      },
      logLevel: 'info',
      httpPort: 8080,
      podName: 'operator-1',
      podNamespace: 'order-cache-system',
    });
  });

  const refused: readonly [string, unknown, RegExp][] = [
    ['an unknown value', { replica: 2 }, /^Error: replica: unknown field$/],
    ['too many replicas', { replicaCount: 9 }, /^Error: replicaCount: must be <= 5, got 9$/],
    ['the old name of replicaCount', { replicas: 2 }, /^Error: replicas: is called replicaCount now/],
    [
      'an account that nobody names',
      { serviceAccount: { create: false } },
      /^Error: serviceAccount.name: exp/,
    ],
    ['an unknown log level', { logLevel: 'loud' }, /^Error: logLevel: expected one of trace, debug,/],
    ['no namespace at all', { watchNamespaces: [] }, /^Error: watchNamespaces: expected at least one/],
    ['no Secret at all', { secretNames: [] }, /^Error: secretNames: must not have fewer than 1 items/],
    [
      'a name that is no DNS label',
      { watchNamespaces: [{ name: 'A b' }] },
      /^Error: watchNamespaces\[0\]\.name/,
    ],
  ];
  for (const [what, options, message] of refused) {
    it(`is refused with ${what}, by the name of the value`, () => {
      assert.throws(() => installManifests(options as InstallOptions), message);
    });
  }

  it('is refused with an image reference that is none', () => {
    assert.throws(() => imageValues('not an image'), /^Error: image: expected <repository>/);
  });
});
