import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { V1PodSpec } from '@kubernetes/client-node';
import type { OrderCachePolicy } from '../../api/policy.ts';
import { desiredObjects } from '../../operator/desired.ts';
import { configFile, parseConfigFile } from '../../operator/desired-config.ts';
import type { WorkerInstallation } from '../../operator/desired-pod.ts';
import { differenceOf } from '../../operator/difference.ts';
import type {
  ConfigMap,
  Deployment,
  DisruptionBudget,
  KubernetesObject,
} from '../../operator/kubernetes-objects.ts';
import { routeOf } from '../../operator/worker-route.ts';
import { policyWith } from './operator-policy.ts';

const installation: WorkerInstallation = {
  image: 'registry/image:1',
  imagePullPolicy: undefined,
  imagePullSecrets: ['pull'],
  serviceAccountAnnotations: { role: 'orders' },
  logLevel: 'info',
  fixedUserId: true,
};
const route = {
  queues: ['ordercache.shop.orders'],
  deadLetterQueue: 'ordercache.shop.orders.dead',
  retrySteps: [{ exchange: 'ordercache.delay.1s', delaySeconds: 1 }],
};

function objectsOf(policy: OrderCachePolicy, replicas = 2, by = installation, queueLostAt?: string) {
  const objects = desiredObjects(policy, by, configFile(policy, route), replicas, queueLostAt);
  const find = <T extends KubernetesObject>(kind: string) =>
    objects.find(({ kind: is }) => is.kind === kind)?.object as T;
  const maintenance = objects.find(({ object }) => object.metadata.name === 'orders-maintenance')
    ?.object as Deployment;
  return {
    objects,
    maintenance,
    deployment: find<Deployment>('Deployment'),
    configMap: find<ConfigMap>('ConfigMap'),
  };
}

function podOf(policy: OrderCachePolicy) {
  const pod = objectsOf(policy).deployment.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  assert.ok(pod && container);
  return { pod, container };
}

test('every owned object has the policy as its controller and its label', () => {
  for (const { object } of objectsOf(policyWith()).objects) {
    assert.deepEqual(
      object.metadata.ownerReferences?.map(({ uid, controller }) => [uid, controller]),
      [['uid-orders', true]],
    );
    assert.equal(object.metadata.labels?.['ordercache.io/policy'], 'orders');
    assert.equal(object.metadata.namespace, 'shop');
  }
  assert.deepEqual(
    objectsOf(policyWith()).objects.map(({ kind, object }) => `${kind.kind} ${object.metadata.name}`),
    [
      'ServiceAccount orders-cache-sync',
      'ConfigMap orders-cache-sync',
      'Deployment orders-cache-sync',
      'PodDisruptionBudget orders-cache-sync',
      'Deployment orders-maintenance',
    ],
  );
});

test('both pods pass Pod Security restricted', () => {
  const { deployment, maintenance } = objectsOf(policyWith());
  for (const { spec } of [deployment, maintenance]) isRestricted(spec?.template.spec);
});

function isRestricted(pod: V1PodSpec | undefined) {
  const [container] = pod?.containers ?? [];
  assert.ok(pod && container);
  assert.equal(pod.securityContext?.runAsNonRoot, true);
  assert.equal(pod.securityContext?.runAsUser, 65532);
  assert.deepEqual(pod.securityContext?.seccompProfile, { type: 'RuntimeDefault' });
  assert.equal(pod.automountServiceAccountToken, false);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
}

test('both pods leave user and group to the platform that assigns them, which can read their files', () => {
  const assigned = { ...installation, fixedUserId: false };
  const { deployment, maintenance } = objectsOf(policyWith(), 2, assigned);
  for (const { spec } of [deployment, maintenance]) {
    const pod = spec?.template.spec;
    assert.doesNotMatch(JSON.stringify(pod), /"(runAsUser|runAsGroup|fsGroup)":/);
    assert.equal(pod?.securityContext?.runAsNonRoot, true);
    const modes = pod?.volumes?.map(({ secret, configMap }) => (secret ?? configMap)?.defaultMode);
    assert.deepEqual(new Set(modes), new Set([0o444]));
  }
});

test('connections are mounted as files, the management Secret never', () => {
  const { pod, container } = podOf(policyWith());
  const secrets = pod.volumes?.flatMap(({ secret }) => (secret ? [secret.secretName] : []));
  assert.deepEqual(secrets, ['rabbitmq', 'redis', 'orders-db']);
  assert.deepEqual(
    container.volumeMounts?.map(({ mountPath }) => mountPath),
    [
      '/etc/ordercache/config',
      ...['rabbitmq', 'redis', 'database'].map((name) => `/etc/ordercache/credentials/${name}`),
    ],
  );
  assert.ok(container.volumeMounts?.every(({ readOnly }) => readOnly));
  assert.ok(!JSON.stringify(pod).includes('rabbitmq-admin'));
});

const outbox = {
  databaseSecretRef: { name: 'outbox-db' },
  rabbitmqSecretRef: { name: 'outbox-broker' },
  table: 'order_outbox',
};

test('the maintenance pod has the configuration of the workers, and only the connections that it makes', () => {
  const mountsOf = (policy: OrderCachePolicy) => {
    const pod = objectsOf(policy).maintenance.spec?.template.spec;
    return pod?.volumes?.flatMap(({ name, secret }) => (secret ? [`${name} ${secret.secretName}`] : []));
  };
  assert.deepEqual(mountsOf(policyWith()), ['redis-credentials redis', 'database-credentials orders-db']);
  assert.deepEqual(mountsOf(policyWith({ spec: { outbox } })), [
    'redis-credentials redis',
    'database-credentials orders-db',
    'outbox-database-credentials outbox-db',
    'outbox-rabbitmq-credentials outbox-broker',
  ]);
  const { deployment, maintenance } = objectsOf(policyWith());
  const hashOf = ({ spec }: Deployment) =>
    spec?.template.metadata?.annotations?.['ordercache.io/config-hash'];
  assert.equal(hashOf(maintenance), hashOf(deployment));
  assert.deepEqual(maintenance.spec?.template.spec?.containers[0]?.command, ['node', '/app/maintenance.js']);
  assert.equal(maintenance.spec?.replicas, 1);
  assert.equal(maintenance.spec?.strategy?.type, 'Recreate');
});

test('the labels of the maintenance pod are not those by which workers are counted, scaled and protected', () => {
  const { deployment, maintenance, objects } = objectsOf(policyWith());
  const selector = deployment.spec?.selector.matchLabels ?? {};
  const labels = maintenance.spec?.template.metadata?.labels ?? {};
  assert.ok(Object.entries(selector).some(([label, value]) => labels[label] !== value));
  assert.equal(labels['ordercache.io/policy'], 'orders');
  const budget = objects.find(({ kind }) => kind.kind === 'PodDisruptionBudget')?.object as DisruptionBudget;
  assert.deepEqual(budget.spec?.selector?.matchLabels, selector);
});

test('a request for a catch-up changes the maintenance pod alone', () => {
  const variables = ({ spec }: Deployment) =>
    Object.fromEntries(
      spec?.template.spec?.containers[0]?.env?.map(({ name, value }) => [name, value]) ?? [],
    );
  const asked = policyWith({ metadata: { annotations: { 'ordercache.io/catch-up': 'after the incident' } } });
  const [none, annotated, lost] = [
    objectsOf(policyWith()),
    objectsOf(asked),
    objectsOf(policyWith(), 2, installation, '2026-11-22T00:00:00Z'),
  ];
  assert.ok(
    Object.values(variables(none.maintenance)).every((value) => value !== ''),
    'empty ones are dropped',
  );
  assert.equal(variables(none.maintenance).ORDERCACHE_CATCH_UP_REQUESTED, undefined);
  assert.match(`${variables(annotated.maintenance).ORDERCACHE_CATCH_UP_REQUESTED}`, /^[0-9a-f]{16}$/);
  assert.equal(variables(lost.maintenance).ORDERCACHE_CATCH_UP_QUEUE_LOST, '2026-11-22T00:00:00Z');
  assert.equal(variables(none.maintenance).ORDERCACHE_CATCH_UP_MAX_ORDERS_PER_SECOND, '1000');
  for (const { deployment } of [annotated, lost])
    assert.deepEqual(deployment.spec?.template, none.deployment.spec?.template);
});

test('without a database none is mounted and none configured', () => {
  const { database: _, ...spec } = policyWith().spec;
  const policy: OrderCachePolicy = { ...policyWith(), spec: { ...spec, strategy: 'ReadThrough' } };
  assert.ok(!podOf(policy).pod.volumes?.some(({ name }) => name.startsWith('database')));
  assert.equal('database' in JSON.parse(configFile(policy, route).text), false);
});

test('the processor has no limit unless the policy sets one', () => {
  assert.deepEqual(podOf(policyWith()).container.resources?.limits, { memory: '256Mi' });
  const { workers } = policyWith().spec;
  const resources = { requests: { cpu: 1, memory: '1Gi' }, limits: { cpu: '1500m', memory: '1Gi' } };
  const { container } = podOf(policyWith({ spec: { workers: { ...workers, resources } } }));
  assert.deepEqual(container.resources, {
    requests: { cpu: '1', memory: '1Gi' },
    limits: { cpu: '1500m', memory: '1Gi' },
  });
});

test('labels and annotations of the policy never replace our own', () => {
  const { workers } = policyWith().spec;
  const own = {
    labels: { 'ordercache.io/policy': 'evil', team: 'shop' },
    annotations: { 'ordercache.io/config-hash': 'evil', note: 'yes' },
  };
  const { deployment } = objectsOf(policyWith({ spec: { workers: { ...workers, ...own } } }));
  const template = deployment.spec?.template.metadata;
  assert.equal(template?.labels?.['ordercache.io/policy'], 'orders');
  assert.equal(template?.labels?.team, 'shop');
  assert.notEqual(template?.annotations?.['ordercache.io/config-hash'], 'evil');
  assert.equal(template?.annotations?.note, 'yes');
});

test('the hash is of the bytes of config.json, and stands in the pod', () => {
  const { configMap, deployment } = objectsOf(policyWith());
  const text = configMap.data?.['config.json'] ?? '';
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const template = deployment.spec?.template;
  assert.equal(template?.metadata?.annotations?.['ordercache.io/config-hash'], hash);
  const variable = template?.spec?.containers[0]?.env?.find(({ name }) => name === 'ORDERCACHE_CONFIG_HASH');
  assert.equal(variable?.value, hash);
});

const workerRelevant: readonly [string, Parameters<typeof policyWith>[0], boolean][] = [
  ['the strategy', { spec: { strategy: 'ReadThrough' } }, true],
  [
    'the key prefix',
    { spec: { redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: 'other:' } } },
    true,
  ],
  [
    'the TTL table, which is followed live',
    { spec: { ttl: { defaultSeconds: 1, jitterPercent: 0, absentSeconds: 0, statuses: [] } } },
    false,
  ],
  ['the deletion policy', { spec: { deletionPolicy: 'Delete' } }, false],
  ['the generation', { metadata: { generation: 9 } }, false],
];
for (const [what, changes, changesHash] of workerRelevant) {
  test(`another value of ${what} ${changesHash ? 'rolls' : 'does not roll'} the workers`, () => {
    const [one, other] = [configFile(policyWith(), route), configFile(policyWith(changes), route)];
    assert.equal(one.hash !== other.hash, changesHash);
  });
}

test('the route while the broker cannot be asked is the one that the workers have', () => {
  const configured = parseConfigFile(
    configFile(policyWith(), { ...route, queues: ['ordercache.shop.orders', 'old'] }).text,
  );
  assert.deepEqual(routeOf(policyWith(), undefined, configured)?.queues, ['ordercache.shop.orders', 'old']);
  const { rabbitmq } = policyWith().spec;
  const next = policyWith({ spec: { rabbitmq: { ...rabbitmq, queue: { revision: 2 } } } });
  assert.equal(
    routeOf(next, undefined, configured),
    undefined,
    'the queue of the new revision is not there yet',
  );
  assert.equal(routeOf(policyWith(), undefined, undefined), undefined);
});

const texts: readonly [string, string | undefined][] = [
  ['nothing', undefined],
  ['no JSON', '{'],
  ['another shape', '{"rabbitmq":{}}'],
];
for (const [what, text] of texts) {
  test(`a config.json that is ${what} tells nothing`, () => assert.equal(parseConfigFile(text), undefined));
}

function foundAs(object: KubernetesObject): KubernetesObject {
  return {
    ...structuredClone(object),
    metadata: { ...structuredClone(object.metadata), uid: 'x', resourceVersion: '7' },
  };
}

test('what was applied and got defaults beside it is the same', () => {
  const { deployment } = objectsOf(policyWith());
  const found = foundAs(deployment) as Deployment & { spec: { template: { spec: Record<string, unknown> } } };
  found.spec.template.spec.dnsPolicy = 'ClusterFirst';
  assert.deepEqual(differenceOf(policyWith(), deployment, found), { kind: 'Same' });
});

test('another number of workers is no edit: scaling is ours', () => {
  const [two, nine] = [objectsOf(policyWith(), 2).deployment, objectsOf(policyWith(), 9).deployment];
  assert.deepEqual(differenceOf(policyWith(), two, foundAs(nine)), { kind: 'Outdated' });
});

test('an edit by hand is told with its path', () => {
  const { deployment } = objectsOf(policyWith());
  const found = structuredClone(foundAs(deployment)) as {
    spec?: { template: { spec?: { containers: { image?: string }[] } } };
  };
  const [container] = found.spec?.template.spec?.containers ?? [];
  assert.ok(container);
  container.image = 'evil';
  assert.deepEqual(differenceOf(policyWith(), deployment, found as unknown as Deployment), {
    kind: 'Edited',
    path: 'spec.template.spec.containers[worker].image',
  });
});

test('another image of the installation is our own change, not an edit', () => {
  const { deployment } = objectsOf(policyWith());
  const upgraded = objectsOf(policyWith(), 2, { ...installation, image: 'registry/image:2' }).deployment;
  assert.deepEqual(differenceOf(policyWith(), upgraded, foundAs(deployment)), { kind: 'Outdated' });
});

test('an object that nobody or another controls is foreign', () => {
  const { configMap } = objectsOf(policyWith());
  const { ownerReferences: _, ...bare } = configMap.metadata;
  assert.deepEqual(differenceOf(policyWith(), configMap, { ...configMap, metadata: bare }), {
    kind: 'Foreign',
    controller: 'nobody',
  });
  const reborn = policyWith({ metadata: { uid: 'uid-2' } });
  assert.deepEqual(differenceOf(reborn, configMap, configMap), {
    kind: 'Foreign',
    controller: 'another OrderCachePolicy orders',
  });
});
