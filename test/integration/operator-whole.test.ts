import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { testRedis, testVhost } from '../servers/index.ts';
import { type OperatorProcess, operatorProcess, spawnOperator } from './operator-process.ts';
import { condition, eventually, existing, path, policy } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

/** The operator's own process with a real API server, RabbitMQ and Redis. The tests follow each other as a life does. */
const rabbitmq = await testVhost({ after });
const cache = await testRedis({ after });
const { amqpUri, managementUri } = rabbitmq;
const redis = new Redis(cache.uri, { commandTimeout: 5_000 });
let operator: OperatorProcess;
after(async () => {
  await operator.end('SIGTERM');
  redis.disconnect();
});
const world = await operatorWorld(
  { after },
  {
    rabbitmq: { uri: amqpUri },
    'rabbitmq-admin': { uri: amqpUri, managementUri },
    redis: { uri: cache.uri },
  },
);
const { scene, readyWith, notes } = world;
before(async () => {
  operator = await operatorProcess(scene, 'operator-a');
});

const NAME = 'orders';
const at = () => world.at(NAME);
const queue = () => `ordercache.${scene.namespace}.${NAME}`;
const tableKey = () => `ordercache:ttl:${cache.keyPrefix}`;
const lease = () => `/apis/coordination.k8s.io/v1/namespaces/${scene.namespace}/leases/order-cache-operator`;

async function apply(spec: object = {}): Promise<void> {
  const { rabbitmq: broker } = policy(scene.namespace, NAME).spec as { rabbitmq: object };
  await world.apply(NAME, {
    rabbitmq: { ...broker, exchanges: [{ name: 'mes', managementPolicy: 'Declare' }] },
    redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: cache.keyPrefix },
    ...spec,
  });
}

async function queues(): Promise<string[]> {
  const list = (await rabbitmq.management('GET', `queues/${rabbitmq.vhost}`)) as { name: string }[];
  return list.map(({ name }) => name).sort();
}

async function bindingsOf(name: string): Promise<string[]> {
  const list = (await rabbitmq.management('GET', `queues/${rabbitmq.vhost}/${name}/bindings`)) as {
    source: string;
    routing_key: string;
  }[];
  return list
    .filter(({ source }) => source !== '')
    .map(({ source, routing_key }) => `${source} ${routing_key}`);
}

test('a policy becomes a topology, a TTL table and a Deployment, and Ready', async () => {
  await apply();
  const ready = await readyWith(NAME, 'Ready', 60);
  assert.equal((ready.status as { queue: string }).queue, queue());
  assert.ok((await queues()).includes(queue()));
  assert.ok((await queues()).includes(`${queue()}.dead`));
  assert.deepEqual(await bindingsOf(queue()), ['mes mes.#']);
  assert.match(`${await redis.get(tableKey())}`, /Active/);
  const { data } = await existing(scene, path(scene.namespace, 'configmaps', `${NAME}-cache-sync`));
  assert.equal(JSON.parse((data as Record<string, string>)['config.json'] ?? '').rabbitmq.queues[0], queue());
  await eventually(
    'scaling is active',
    async () => {
      const scaling = condition(await existing(scene, at()), 'ScalingActive');
      assert.equal(scaling?.status, 'True', scaling?.message);
    },
    60,
  );
});

test('an edited TTL is in Redis within 10 s', async () => {
  await scene.patch(at(), { spec: { ttl: { defaultSeconds: 77 } } });
  await eventually('the new TTL', async () => assert.match(`${await redis.get(tableKey())}`, /77/), 10);
});

test('a TTL table that Redis has lost is back within 10 s', async () => {
  await redis.del(tableKey());
  await eventually('the table', async () => assert.match(`${await redis.get(tableKey())}`, /Active/), 10);
});

test('a queue that was deleted by hand is back within 60 s, bound as before, with an event', async () => {
  await rabbitmq.management('DELETE', `queues/${rabbitmq.vhost}/${queue()}`);
  await eventually('the queue', async () => assert.deepEqual(await bindingsOf(queue()), ['mes mes.#']), 60);
  await eventually('the event', async () => {
    assert.match((await notes(NAME, 'TopologyDeclared')).join(), new RegExp(queue()));
  });
});

test('and a catch-up is asked for, because events may have been lost with it', async () => {
  const queueLostAt = await eventually('it is in the status', async () => {
    const { status } = await existing(scene, at());
    const { queueLostAt: lostAt } = status as { queueLostAt?: string };
    assert.ok(lostAt);
    return lostAt;
  });
  await eventually('the maintenance pod hears of it', async () => {
    const pod = await existing(scene, path(scene.namespace, 'deployments', `${NAME}-maintenance`));
    assert.match(JSON.stringify(pod.spec), new RegExp(`"${queueLostAt}"`));
  });
});

test('the backlog is seen', async () => {
  const connection = await rabbitmq.connect();
  const channel = await connection.createConfirmChannel();
  for (let index = 0; index < 25; index += 1) {
    channel.publish('mes', 'mes.x', Buffer.from('{}'), { persistent: true });
  }
  await channel.waitForConfirms();
  await connection.close();
  await scene.patch(at(), {
    spec: { scaling: { maxReplicas: 1 }, workers: { nodeSelector: { nowhere: 'x' } } },
  });
  await eventually(
    '25 messages',
    async () => {
      assert.equal(((await existing(scene, at())).status as { backlog?: number }).backlog, 25);
    },
    60,
  );
  await eventually('a worker for them', async () => {
    const { spec } = await existing(scene, path(scene.namespace, 'deployments', `${NAME}-cache-sync`));
    assert.equal((spec as { replicas: number }).replicas, 1);
  });
});

test('its metrics tell of the policy and of its watches', async () => {
  await eventually('its metrics', async () => {
    const text = await (await fetch(`${operator.httpUri}/metrics`)).text();
    for (const line of [
      `ordercache_operator_policy_backlog_messages{namespace="${scene.namespace}",policy="${NAME}"} 25`,
      'ordercache_operator_leader 1',
      'ordercache_operator_watch_age_seconds{kind="OrderCachePolicy"}',
      'ordercache_operator_reconcile_duration_seconds_count{outcome="success"}',
    ]) {
      assert.ok(text.includes(line), `${line} is missing`);
    }
  });
});

test('a standby waits, is ready, and goes on where a killed leader stopped', async () => {
  const standby = await operatorProcess(scene, 'operator-b');
  assert.equal((await fetch(`${standby.httpUri}/readyz`)).status, 200);
  await operator.end('SIGKILL');
  operator = standby;
  await scene.patch(at(), { spec: { ttl: { defaultSeconds: 88 } } });
  await eventually('the new TTL', async () => assert.match(`${await redis.get(tableKey())}`, /88/), 60);
});

test('deleted with Retain and applied again, it has the same queue with its messages', async () => {
  await scene.delete(at());
  await eventually('the policy is gone', async () => assert.equal(await scene.get(at()), undefined), 60);
  assert.match(`${await redis.get(tableKey())}`, /Retired/);
  assert.deepEqual(await bindingsOf(queue()), ['mes mes.#']);
  await apply({ deletionPolicy: 'Delete' });
  await readyWith(NAME, 'Ready', 60);
  await eventually(
    '25 messages',
    async () => {
      assert.equal(((await existing(scene, at())).status as { backlog?: number }).backlog, 25);
    },
    60,
  );
});

test('deleted with Delete, it waits for its messages, and then nothing of it remains', async () => {
  await redis.hset(`${cache.keyPrefix}1`, { status: 'NEW' });
  await scene.delete(at());
  await eventually(
    'QueueNotEmpty',
    async () => {
      assert.equal(condition(await existing(scene, at()), 'Ready')?.reason, 'QueueNotEmpty');
    },
    60,
  );
  assert.deepEqual(await bindingsOf(queue()), [], 'nothing more comes in');
  await rabbitmq.management('DELETE', `queues/${rabbitmq.vhost}/${queue()}/contents`);
  await eventually('the policy is gone', async () => assert.equal(await scene.get(at()), undefined), 60);
  assert.deepEqual(await queues(), []);
  assert.deepEqual(await redis.keys(`*${cache.keyPrefix}*`), []);
});

test('no secret is in what it wrote', () => {
  assert.ok(!operator.output().includes(`:${rabbitmq.password}@`));
  assert.ok(!/"password"/.test(operator.output()));
});

test('on SIGTERM it ends within seconds with code 0 and lets the lease go', async () => {
  assert.equal(await operator.end('SIGTERM'), 0, operator.output());
  assert.equal(
    ((await existing(scene, lease())).spec as { holderIdentity?: string }).holderIdentity ?? '',
    '',
  );
});

test('a start with a malformed environment fails in one line, before anything is contacted', async () => {
  const { child, output } = spawnOperator({ KUBECONFIG: '/nonexistent', ORDERCACHE_HTTP_PORT: 'eighty' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 1);
  assert.match(output(), /^order-cache-operator: [A-Z_]+: expected [^\n]+\n$/);
});

test('a start without a readable kubeconfig fails in one line', async () => {
  const { child, output } = spawnOperator({
    KUBECONFIG: '/nonexistent',
    ORDERCACHE_WORKER_IMAGE: 'image',
    POD_NAME: 'operator',
    POD_NAMESPACE: 'system',
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 1);
  assert.match(output(), /^order-cache-operator: [^\n]*\/nonexistent[^\n]*\n$/);
});
