import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AT_REST, declared } from './operator-outside.ts';
import {
  applySecrets,
  condition,
  eventually,
  existing,
  type Json,
  path,
  policy,
  SECRETS,
} from './operator-scene.ts';
import { operatorAtWork } from './operator-world.ts';

const { scene, outside, at, apply, readyWith, notes } = await operatorAtWork({ after });
beforeEach(() => {
  Object.assign(outside, { topologyAnswer: undefined, ttlAnswer: undefined, observation: AT_REST });
});

const deploymentAt = (name: string) => path(scene.namespace, 'deployments', `${name}-cache-sync`);
const isTrue = (object: Json, type: string) => condition(object, type)?.status === 'True';

test('Ready, Reconciling and Stalled mean what kstatus says', async () => {
  await apply('summary');
  const ready = await readyWith('summary', 'Ready');
  assert.deepEqual(
    ['Ready', 'Reconciling', 'Stalled'].map((type) => isTrue(ready, type)),
    [true, false, false],
  );
  assert.equal(
    (ready.status as { observedGeneration: number }).observedGeneration,
    ready.metadata.generation,
  );
});

test('a reference to a Secret that is not there stalls the policy, and it recovers when the Secret comes', async () => {
  await apply('late', { redis: { connectionSecretRef: { name: 'late-redis' }, keyPrefix: 'late:' } });
  const stalled = await readyWith('late', 'SecretNotFound');
  assert.equal(
    condition(stalled, 'Ready')?.message,
    'spec.redis.connectionSecretRef: Secret late-redis does not exist',
  );
  assert.ok(isTrue(stalled, 'Stalled'));
  assert.equal(
    (stalled.status as { observedGeneration: number }).observedGeneration,
    stalled.metadata.generation,
  );
  assert.ok(!outside.calls.includes('declare late'));
  await applySecrets(scene, { 'late-redis': { uri: 'redis://127.0.0.1:6379/0' } });
  await readyWith('late', 'Ready', 30);
});

test('a Secret without the key that is needed is named with the key and never with a value', async () => {
  await applySecrets(scene, { 'half-admin': { uri: 'amqp://u:very-secret@127.0.0.1:5672' } });
  await apply('half', { rabbitmq: { ...rabbitmq(), managementSecretRef: { name: 'half-admin' } } });
  const stalled = JSON.stringify(await readyWith('half', 'SecretInvalid'));
  assert.match(stalled, /spec\.rabbitmq\.managementSecretRef: Secret half-admin: .*managementUri/);
  assert.ok(!stalled.includes('very-secret'));
});

test('the management Secret is not handed to workers, even when a policy asks for it', async () => {
  await apply('shared-secret', {
    rabbitmq: { ...rabbitmq(), connectionSecretRef: { name: 'rabbitmq-admin' } },
  });
  const stalled = await readyWith('shared-secret', 'InvalidSpec');
  assert.match(
    condition(stalled, 'Ready')?.message ?? '',
    /managementSecretRef: expected a Secret of its own/,
  );
  assert.equal(await scene.get(deploymentAt('shared-secret')), undefined);
});

function rabbitmq() {
  return (policy(scene.namespace, 'x').spec as { rabbitmq: object }).rabbitmq;
}

test('a rotated Secret is used within 30 s', async () => {
  await applySecrets(scene, { 'rotating-admin': SECRETS['rabbitmq-admin'] ?? {} });
  await apply('rotating', { rabbitmq: { ...rabbitmq(), managementSecretRef: { name: 'rotating-admin' } } });
  await readyWith('rotating', 'Ready');
  const used = new Set<string>();
  const declare = outside.topology.reconcile;
  outside.topology.reconcile = async (asked, credentials, onQueueLost) => {
    if (asked.metadata.name === 'rotating') used.add(credentials.password);
    return declare(asked, credentials, onQueueLost);
  };
  await applySecrets(scene, { 'rotating-admin': { ...SECRETS['rabbitmq-admin'], password: 'another' } });
  await eventually('the broker is asked with it', async () => assert.ok(used.has('another')), 30);
  outside.topology.reconcile = declare;
});

test('an edit that Kubernetes refuses for the pods stalls with the field, and its revert recovers', async () => {
  await apply('labels');
  await readyWith('labels', 'Ready');
  await scene.patch(at('labels'), { spec: { workers: { labels: { 'not a label': 'x' } } } });
  const stalled = await readyWith('labels', 'InvalidSpec');
  assert.match(condition(stalled, 'Ready')?.message ?? '', /spec\.template\.labels.*not a label/);
  assert.ok(isTrue(stalled, 'Stalled'));
  await scene.patch(at('labels'), { spec: { workers: { labels: null } } });
  await readyWith('labels', 'Ready');
});

test('the broker being away is Reconciling, and what is missing in the resource is Stalled', async () => {
  outside.topologyAnswer = () => ({
    kind: 'Problem',
    reason: 'BrokerUnavailable',
    message: 'The broker cannot be reached',
    retryable: true,
    changes: [],
  });
  await apply('broker');
  const away = await readyWith('broker', 'BrokerUnavailable');
  assert.deepEqual(
    ['Reconciling', 'Stalled'].map((type) => isTrue(away, type)),
    [true, false],
  );
  outside.topologyAnswer = () => ({
    kind: 'Problem',
    reason: 'ExchangeNotFound',
    message: 'spec.rabbitmq.exchanges: no mes',
    retryable: false,
    changes: [],
  });
  const stalled = await readyWith('broker', 'ExchangeNotFound');
  assert.deepEqual(
    ['Reconciling', 'Stalled'].map((type) => isTrue(stalled, type)),
    [false, true],
  );
  outside.topologyAnswer = undefined;
  await scene.patch(at('broker'), { spec: { ttl: { jitterPercent: 11 } } });
  await readyWith('broker', 'Ready');
});

test('with the broker away a change of the workers still reaches them', async () => {
  await apply('offline');
  await readyWith('offline', 'Ready');
  outside.topologyAnswer = (asked) =>
    asked.metadata.name === 'offline'
      ? { kind: 'Problem', reason: 'BrokerUnavailable', message: 'away', retryable: true, changes: [] }
      : declared(asked);
  await scene.patch(at('offline'), { spec: { event: { maxBodyBytes: 1024 } } });
  await eventually('config.json has it', async () => {
    const { data } = await existing(scene, path(scene.namespace, 'configmaps', 'offline-cache-sync'));
    assert.equal(JSON.parse((data as Record<string, string>)['config.json'] ?? '').event.maxBodyBytes, 1024);
  });
});

test('a suspended policy is neither changed nor scaled nor repaired, and goes on afterwards', async () => {
  await apply('asleep');
  await readyWith('asleep', 'Ready');
  await scene.patch(at('asleep'), { spec: { suspend: true } });
  const suspended = await readyWith('asleep', 'Suspended');
  assert.ok(isTrue(suspended, 'Ready'), 'the workers have what the policy says');
  await scene.patch(at('asleep'), { spec: { workers: { prefetchCount: 9 } } });
  await scene.patch(deploymentAt('asleep'), { spec: { replicas: 2 } });
  await sleep(1_500);
  const edited = await readyWith('asleep', 'Suspended');
  assert.equal(condition(edited, 'Ready')?.status, 'False', 'the workers do not have the new prefetch');
  assert.equal(((await existing(scene, deploymentAt('asleep'))).spec as { replicas: number }).replicas, 2);
  await scene.patch(at('asleep'), { spec: { suspend: false } });
  await readyWith('asleep', 'Ready');
});

test('Auto ignores replicas in the spec and says so in an event', async () => {
  await apply('auto', { scaling: { minReplicas: 0, replicas: 4 } });
  await readyWith('auto', 'Ready');
  await eventually('an event', async () => {
    assert.deepEqual(await notes('auto', 'ReplicasIgnored'), [
      'spec.scaling.replicas is ignored while spec.scaling.mode is Auto',
    ]);
  });
  assert.equal(((await existing(scene, deploymentAt('auto'))).spec as { replicas: number }).replicas, 0);
  assert.equal(
    ((await existing(scene, at('auto'))).spec as { scaling: { replicas: number } }).scaling.replicas,
    4,
  );
});

test('handed over to Manual without a number, a policy keeps its workers and /scale answers and counts', async () => {
  await apply('manual', {
    scaling: { minReplicas: 3, maxReplicas: 5 },
    workers: { nodeSelector: { nowhere: 'x' } },
  });
  await eventually('three workers asked for', async () => {
    assert.equal(((await existing(scene, deploymentAt('manual'))).spec as { replicas: number }).replicas, 3);
  });
  await scene.patch(at('manual'), { spec: { scaling: { mode: 'Manual' } } });
  await eventually('the number is in the spec', async () => {
    const scale = await existing(scene, `${at('manual')}/scale`);
    assert.equal((scale.spec as { replicas: number }).replicas, 3);
  });
  assert.equal(((await existing(scene, deploymentAt('manual'))).spec as { replicas: number }).replicas, 3);
  await scene.patch(`${at('manual')}/scale`, { spec: { replicas: 1 } });
  await eventually('one worker', async () => {
    assert.equal(((await existing(scene, deploymentAt('manual'))).spec as { replicas: number }).replicas, 1);
  });
});

test('of two policies with overlapping key prefixes on one Redis the younger stalls until the older is gone', async () => {
  await apply('older', { redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: 'shared:' } });
  await readyWith('older', 'Ready');
  await sleep(1_100);
  await apply('younger', { redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: 'shared:eu:' } });
  const stalled = await readyWith('younger', 'KeyPrefixConflict');
  assert.match(
    condition(stalled, 'CacheReady')?.message ?? '',
    /shared:eu: overlaps with shared: of the older policy/,
  );
  assert.ok(isTrue(await existing(scene, at('older')), 'Ready'));
  assert.ok(!outside.calls.includes('publish younger'));
  await scene.delete(at('older'));
  await readyWith('younger', 'Ready', 60);
});

test('a full dead-letter queue and paused workers show within 30 s', async () => {
  await apply('full', { rabbitmq: { ...rabbitmq(), deadLetter: { maxLength: 5 } } });
  await readyWith('full', 'Ready');
  outside.observation = { ...AT_REST, deadLetters: { kind: 'Measured', value: 5 } };
  await readyWith('full', 'DeadLetterQueueFull', 30);
  outside.observation = { ...AT_REST, pauses: ['RedisUnavailable'] };
  const paused = await readyWith('full', 'WorkersPaused', 30);
  assert.match(condition(paused, 'WorkersReady')?.message ?? '', /RedisUnavailable/);
});
