import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReleaseResult } from '../../operator/ports.ts';
import { applySecrets, condition, eventually, existing, path, policy, SECRETS } from './operator-scene.ts';
import { operatorAtWork } from './operator-world.ts';

const { scene, outside, at, apply, readyPolicy, readyWith, notes } = await operatorAtWork({ after });
beforeEach(() => {
  outside.releaseAnswer = undefined;
});

const gone = (what: string, where: string, seconds = 40) =>
  eventually(`${what} is gone`, async () => assert.equal(await scene.get(where), undefined), seconds);

const queueNotEmpty = (): ReleaseResult => ({
  kind: 'Problem',
  reason: 'QueueNotEmpty',
  message: 'The queue holds messages',
  retryable: true,
  changes: [],
});
const brokerUnavailable = (): ReleaseResult => ({
  kind: 'Problem',
  reason: 'BrokerUnavailable',
  message: 'The broker is away',
  retryable: true,
  changes: [],
});

function callsOf(name: string): string[] {
  return outside.calls.filter((call) => call.split(' ')[1] === name && !/^(declare|publish)/.test(call));
}

test('the finalizer is there before the broker is touched', async () => {
  let finalizers: readonly string[] | undefined;
  outside.topologyAnswer = undefined;
  const declare = outside.topology.reconcile;
  outside.topology.reconcile = async (asked, credentials) => {
    if (asked.metadata.name === 'first') {
      finalizers = (await existing(scene, at('first'))).metadata.finalizers as string[];
    }
    return declare(asked, credentials);
  };
  await readyPolicy('first');
  assert.deepEqual(finalizers, ['ordercache.io/cleanup']);
});

test('Retain tells readers, leaves the queue and names it in an event', async () => {
  await readyPolicy('retained');
  await scene.delete(at('retained'));
  await gone('the policy', at('retained'));
  assert.deepEqual(callsOf('retained'), ['retire retained', 'release retained Retain']);
  const told = await notes('retained', 'LeftBehind');
  assert.match(told.join(), new RegExp(`queue ordercache\\.${scene.namespace}\\.retained`));
  await gone('the Deployment', path(scene.namespace, 'deployments', 'retained-cache-sync'));
});

test('Delete stops the workers, then erases records and queues', async () => {
  await readyPolicy('erased', { deletionPolicy: 'Delete' });
  await scene.delete(at('erased'));
  await gone('the policy', at('erased'));
  assert.deepEqual(callsOf('erased'), ['erase erased', 'release erased Delete']);
  assert.deepEqual(await notes('erased', 'LeftBehind'), []);
});

test('a queue that holds messages keeps the policy, says so, and is let go by the annotation', async () => {
  outside.releaseAnswer = queueNotEmpty;
  await readyPolicy('holding', { deletionPolicy: 'Delete' });
  await scene.delete(at('holding'));
  await eventually('QueueNotEmpty', async () => {
    const ready = condition(await existing(scene, at('holding')), 'Ready');
    assert.deepEqual([ready?.reason, ready?.status], ['QueueNotEmpty', 'False']);
  });
  await scene.patch(at('holding'), { metadata: { annotations: { 'ordercache.io/abandon': 'true' } } });
  await gone('the policy', at('holding'));
  assert.match((await notes('holding', 'LeftBehind')).join(), /given up by annotation.*queue/);
});

test('workers empty the queue before they are stopped', async () => {
  outside.releaseAnswer = queueNotEmpty;
  await apply('draining', {
    deletionPolicy: 'Delete',
    scaling: { minReplicas: 2 },
    workers: { nodeSelector: { nowhere: 'x' } },
  });
  const deployment = path(scene.namespace, 'deployments', 'draining-cache-sync');
  const replicas = async () => ((await existing(scene, deployment)).spec as { replicas: number }).replicas;
  await eventually('two workers', async () => assert.equal(await replicas(), 2));
  await scene.delete(at('draining'));
  await eventually('QueueNotEmpty', async () => {
    assert.equal(condition(await existing(scene, at('draining')), 'Ready')?.reason, 'QueueNotEmpty');
  });
  assert.equal(await replicas(), 2);
  assert.ok(!callsOf('draining').includes('erase draining'));
  outside.releaseAnswer = undefined;
  await gone('the policy', at('draining'));
  assert.deepEqual(callsOf('draining').slice(-2), ['erase draining', 'release draining Delete']);
});

test('given up while workers still drain the queue, Redis is told all the same', async () => {
  outside.releaseAnswer = queueNotEmpty;
  const spec = {
    deletionPolicy: 'Delete',
    scaling: { minReplicas: 1 },
    workers: { nodeSelector: { no: 'x' } },
  };
  await apply('given-up', spec);
  const deployment = path(scene.namespace, 'deployments', 'given-up-cache-sync');
  await eventually('the Deployment', async () => void (await existing(scene, deployment)));
  await scene.delete(at('given-up'));
  await eventually('QueueNotEmpty', async () => {
    assert.equal(condition(await existing(scene, at('given-up')), 'Ready')?.reason, 'QueueNotEmpty');
  });
  assert.ok(!callsOf('given-up').includes('erase given-up'));
  await scene.patch(at('given-up'), { metadata: { annotations: { 'ordercache.io/abandon': 'true' } } });
  await gone('the policy', at('given-up'));
  assert.ok(callsOf('given-up').includes('erase given-up'));
});

test('nothing owned is made again once the policy is being deleted', async () => {
  outside.releaseAnswer = brokerUnavailable;
  await readyPolicy('ending', { deletionPolicy: 'Delete' });
  await scene.delete(at('ending'));
  await readyWith('ending', 'BrokerUnavailable');
  await scene.delete(path(scene.namespace, 'configmaps', 'ending-cache-sync'));
  await sleep(2_000);
  assert.equal(await scene.get(path(scene.namespace, 'configmaps', 'ending-cache-sync')), undefined);
  const { metadata } = await existing(scene, at('ending'));
  assert.ok(metadata.deletionTimestamp, 'it waits for the broker');
  outside.releaseAnswer = undefined;
  await gone('the policy', at('ending'));
});

test('without its Secret a policy is cleaned up with the credentials that last worked', async () => {
  const used: (string | undefined)[] = [];
  const release = outside.topology.release;
  outside.topology.release = async (asked, credentials, deletionPolicy) => {
    if (asked.metadata.name === 'orphan') used.push(credentials?.password);
    return release(asked, credentials, deletionPolicy);
  };
  await applySecrets(scene, {
    'gone-admin': { ...SECRETS['rabbitmq-admin'] },
  });
  const { rabbitmq } = policy(scene.namespace, 'x').spec as { rabbitmq: object };
  const spec = {
    deletionPolicy: 'Delete',
    rabbitmq: { ...rabbitmq, managementSecretRef: { name: 'gone-admin' } },
  };
  await readyPolicy('orphan', spec);
  await scene.delete(path(scene.namespace, 'secrets', 'gone-admin'));
  await readyWith('orphan', 'SecretNotFound', 60);
  await scene.delete(at('orphan'));
  await gone('the policy', at('orphan'));
  assert.deepEqual(used, ['admin-password']);
  assert.deepEqual(callsOf('orphan'), ['erase orphan', 'release orphan Delete']);
  assert.deepEqual(await notes('orphan', 'LeftBehind'), []);
});

test('a younger policy that stalled on a conflict takes nothing of the older with it', async () => {
  const shared = { redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: 'shared:' } };
  await readyPolicy('senior', shared);
  await sleep(1_100);
  await apply('junior', { ...shared, deletionPolicy: 'Delete' });
  await readyWith('junior', 'KeyPrefixConflict');
  await scene.delete(at('junior'));
  await gone('the policy', at('junior'));
  assert.ok(!callsOf('junior').includes('erase junior'));
});

test('a suspended policy is deleted all the same', async () => {
  await readyPolicy('sleeper');
  await scene.patch(at('sleeper'), { spec: { suspend: true } });
  await scene.delete(at('sleeper'));
  await gone('the policy', at('sleeper'));
});

test('a namespace that goes away is not held up by a broker that is away', async (t) => {
  const other = await operatorAtWork(t);
  other.outside.releaseAnswer = brokerUnavailable;
  await other.readyPolicy('orders', { deletionPolicy: 'Delete' });
  const namespace = `/api/v1/namespaces/${other.scene.namespace}`;
  await other.scene.delete(namespace);
  await eventually(
    'the namespace is gone',
    async () => assert.equal(await other.scene.get(namespace), undefined),
    180,
  );
});
