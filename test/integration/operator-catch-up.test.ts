import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MaintenanceSight } from '../../operator/observation.ts';
import { AT_REST } from './operator-outside.ts';
import { applySecrets, condition, eventually, existing, path, SECRETS } from './operator-scene.ts';
import { operatorAtWork } from './operator-world.ts';

/** The operator's part of a catch-up: asking for it, and telling how far it is. */

const { scene, outside, at, apply, readyPolicy, readyWith, notes } = await operatorAtWork({ after });
const maintenanceAt = (name: string) => path(scene.namespace, 'deployments', `${name}-maintenance`);

interface Template {
  readonly spec: {
    readonly containers: readonly { env: readonly { name: string; value?: string }[] }[];
    readonly volumes: readonly { secret?: { secretName: string } }[];
  };
}

async function templateOf(name: string): Promise<Template> {
  return ((await existing(scene, maintenanceAt(name))).spec as { template: Template }).template;
}

async function variable(name: string, which: string): Promise<string> {
  const { spec } = await templateOf(name);
  return spec.containers[0]?.env.find((one) => one.name === which)?.value ?? '';
}

async function statusOf(name: string): Promise<Record<string, unknown>> {
  return (await existing(scene, at(name))).status as Record<string, unknown>;
}

const annotate = (name: string, value: string | null) =>
  scene.patch(at(name), { metadata: { annotations: { 'ordercache.io/catch-up': value } } });

test('a new value of the annotation reaches the maintenance pod within 10 s, and no worker', async () => {
  await readyPolicy('asked');
  const workers = path(scene.namespace, 'deployments', 'asked-cache-sync');
  const { generation } = (await existing(scene, workers)).metadata;
  const seen = new Set([await variable('asked', 'ORDERCACHE_CATCH_UP_REQUESTED')]);
  for (const value of ['one', 'two']) {
    await annotate('asked', value);
    const now = await eventually(
      `another request for ${value}`,
      async () => {
        const requested = await variable('asked', 'ORDERCACHE_CATCH_UP_REQUESTED');
        assert.ok(!seen.has(requested), requested);
        return requested;
      },
      10,
    );
    seen.add(now);
  }
  assert.equal((await existing(scene, workers)).metadata.generation, generation);
});

test('a queue that was there and is gone is kept in the status, told, and reaches the maintenance pod', async () => {
  await readyPolicy('lossy');
  assert.equal((await statusOf('lossy')).queueLostAt, undefined);
  outside.queueLostOf = 'lossy';
  await scene.patch(at('lossy'), { spec: { ttl: { defaultSeconds: 77 } } });
  await eventually('the request', async () => {
    const { queueLostAt } = await statusOf('lossy');
    assert.ok(queueLostAt);
    assert.equal(await variable('lossy', 'ORDERCACHE_CATCH_UP_QUEUE_LOST'), queueLostAt);
  });
  await readyPolicy('lossy', { ttl: { defaultSeconds: 77 } });
  assert.ok((await statusOf('lossy')).queueLostAt, 'a later status keeps it');
  assert.match(
    (await notes('lossy', 'QueueLost')).join(),
    /Queue ordercache\..*\.lossy was there and is gone/,
  );
});

test('its progress is in the status, its beginning and end are told in events', async () => {
  await readyPolicy('walked');
  const running: MaintenanceSight = {
    startedAt: '2026-11-22T09:00:00Z',
    pausedBecause: [],
    catchUp: {
      state: 'Running',
      trigger: 'RedisChanged',
      startedAt: '2026-11-22T10:00:00Z',
      completedAt: null,
      orders: 10,
      updated: 3,
      dropped: 1,
    },
  };
  const poke = (value: string) => scene.patch(at('walked'), { metadata: { annotations: { poke: value } } });
  outside.observation = { ...AT_REST, maintenance: running };
  await poke('1');
  await eventually('it runs', async () => {
    assert.deepEqual((await statusOf('walked')).catchUp, {
      state: 'Running',
      trigger: 'RedisChanged',
      startedAt: '2026-11-22T10:00:00Z',
      orders: 10,
      updated: 3,
      dropped: 1,
    });
  });
  const completedAt = '2026-11-22T10:05:00Z';
  const catchUp = { ...running.catchUp, state: 'Completed' as const, completedAt, orders: 50 };
  outside.observation = { ...AT_REST, maintenance: { ...running, catchUp } };
  await poke('2');
  await eventually('it has ended', async () => {
    const seen = (await statusOf('walked')).catchUp as { state: string; completedAt: string; orders: number };
    assert.deepEqual([seen.state, seen.completedAt, seen.orders], ['Completed', completedAt, 50]);
  });
  outside.observation = AT_REST;
  await readyPolicy('walked', { ttl: { defaultSeconds: 78 } });
  assert.equal(((await statusOf('walked')).catchUp as { state: string }).state, 'Completed');
  assert.equal((await notes('walked', 'CatchUpStarted')).length, 1);
  assert.deepEqual(await notes('walked', 'CatchUpCompleted'), [
    '50 orders in Redis were compared with the database: 3 updated, 1 dropped',
  ]);
});

test('a maintenance pod that does not come up is told by its own condition, and the policy is Ready all the same', async () => {
  await readyPolicy('stuck', { workers: { nodeSelector: { nowhere: 'x' } } });
  const object = await existing(scene, at('stuck'));
  assert.equal(condition(object, 'MaintenanceReady')?.status, 'False');
  assert.equal(condition(object, 'MaintenanceReady')?.reason, 'RollingOut');
  assert.equal(condition(object, 'WorkersReady')?.status, 'True');
});

test('the Secrets of an outbox are looked at, and mounted where the relay runs and nowhere else', async () => {
  const outbox = {
    databaseSecretRef: { name: 'outbox-db' },
    rabbitmqSecretRef: { name: 'outbox-broker' },
  };
  await apply('boxed', { outbox });
  const missing = await readyWith('boxed', 'SecretNotFound');
  assert.match(
    condition(missing, 'Ready')?.message ?? '',
    /spec\.outbox\.databaseSecretRef: Secret outbox-db/,
  );
  await applySecrets(scene, {
    'outbox-db': { uri: 'postgres://relay:relay-password@127.0.0.1:5432/orders' },
    'outbox-broker': { uri: SECRETS.rabbitmq?.uri ?? '' },
  });
  const secrets = await eventually('they are mounted', async () =>
    (await templateOf('boxed')).spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []),
  );
  assert.deepEqual(secrets.sort(), ['outbox-broker', 'outbox-db', 'redis']);
  assert.equal(await variable('boxed', 'ORDERCACHE_OUTBOX_TABLE'), 'order_outbox');
  const workers = await existing(scene, path(scene.namespace, 'deployments', 'boxed-cache-sync'));
  assert.ok(!JSON.stringify(workers.spec).includes('outbox'));
});

test('a suspended policy is not asked to catch up', async () => {
  await readyPolicy('halted');
  await scene.patch(at('halted'), { spec: { suspend: true } });
  await readyWith('halted', 'Suspended');
  const before = (await existing(scene, maintenanceAt('halted'))).metadata.generation;
  await annotate('halted', 'now');
  await sleep(2_000);
  assert.equal((await existing(scene, maintenanceAt('halted'))).metadata.generation, before);
});
