import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultProxy, ownRedis } from '../servers/index.ts';
import { declareWorkQueue, deleteQueue } from './topology.ts';
import { until, type WorkerProcess } from './worker-process.ts';
import {
  depth,
  publish,
  publishTtl,
  type Stage,
  type StageOptions,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
} from './worker-stage.ts';

const ORDERS = Array.from({ length: 200 }, (_, index) => `order-${index}`);

/** Orders whose rows are ahead of their records: right only after an event for each was processed. */
async function writeOutdated(stage: Stage): Promise<void> {
  const rows = `INSERT INTO orders SELECT unnest($1::text[]), 'SENT', 2`;
  await stage.database.pool.query(rows, [ORDERS]);
  await Promise.all(ORDERS.map((orderId) => writeRecord(stage, orderId, 'PAID', 1)));
}

const publishAll = (stage: Stage) =>
  publish(
    stage,
    ORDERS.map((orderId) => ({ orderId })),
  );

async function untilAllRight(stage: Stage, milliseconds = 30_000): Promise<void> {
  const right = async () => {
    const statuses = await Promise.all(ORDERS.map((orderId) => statusInCache(stage, orderId)));
    return statuses.every((status) => status === 'SENT');
  };
  await until('every record is its row', right, milliseconds);
}

/** Absent counts, too: when two workers have the same order in hand at once, the one fences the other off. */
async function untilNoneStale(stage: Stage): Promise<void> {
  const right = async () => {
    const statuses = await Promise.all(ORDERS.map((orderId) => statusInCache(stage, orderId)));
    return statuses.every((status) => status === null || status === 'SENT');
  };
  await until('every record is its row, or absent', right, 30_000);
}

/** Nothing is ready, nothing unacknowledged: a queue with unacknowledged messages is not deleted if it must be empty. */
async function untilDrained(stage: Stage, worker: WorkerProcess): Promise<void> {
  const idle = async () => (await worker.report()).inFlight === 0 && (await depth(stage, 'orders')) === 0;
  await until('the queue is empty', idle, 30_000);
}

async function untilPaused(worker: WorkerProcess, reason: string): Promise<void> {
  const paused = async () => (await worker.report()).pausedBecause.some((each) => each === reason);
  await until(`paused because of ${reason}`, paused);
}

const nothingAside = async (stage: Stage, worker: WorkerProcess) => {
  const { outcomes } = await worker.report();
  assert.deepEqual([outcomes['dead-lettered'], outcomes.retried], [0, 0]);
  assert.equal(await depth(stage, stage.topology.deadLetterQueue), 0);
};

test('what a killed worker had in hand is delivered to the next one, and changes nothing twice', async (t) => {
  const proxied = await stageWithProxiedDatabase(t, { prefetchCount: 100 });
  const first = await startConsuming(t, proxied.stage);
  await proxied.proxy.stall();
  await publishAll(proxied.stage);
  await until('messages are in flight', async () => (await first.report()).inFlight === 100);
  first.kill('SIGKILL');
  await first.exitCode;
  await proxied.proxy.pass();

  const second = await startConsuming(t, proxied.stage);
  await untilAcknowledged(second, ORDERS.length, 30_000);

  await untilAllRight(proxied.stage);
  await nothingAside(proxied.stage, second);
  const metrics = (await second.get('/metrics')).body;
  assert.match(metrics, /ordercache_worker_redelivered_total [1-9]/);
});

test('connections cut by the broker again and again: no record stays stale, and no channel is closed over a tag', async (t) => {
  const stage = await setStage(t, { prefetchCount: 20 });
  await writeOutdated(stage);
  const worker = await startConsuming(t, stage);
  const proxy = await faultProxyFor(t, stage);
  const cut = await startConsuming(t, {
    ...stage,
    credentials: { ...stage.credentials, rabbitmq: { uri: proxy.uri } },
  });
  for (let round = 0; round < 10; round++) {
    await publishAll(stage);
    proxy.reset();
    await sleep(50);
  }

  await untilDrained(stage, worker);
  await untilDrained(stage, cut);
  await untilNoneStale(stage);
  await nothingAside(stage, worker);
  assert.doesNotMatch(JSON.stringify([worker.log, cut.log]), /PRECONDITION_FAILED|fatal/);
});

test('a worker whose queue was deleted and made again consumes the new one', async (t) => {
  const stage = await setStage(t);
  await writeOutdated(stage);
  const worker = await startConsuming(t, stage);
  await deleteQueue(stage.vhost, 'orders');
  await untilPaused(worker, 'RabbitMQUnavailable');
  await declareWorkQueue(stage.vhost, 'orders');
  await publishAll(stage);

  await untilAcknowledged(worker, ORDERS.length);
  await untilAllRight(stage);
});

test('with Redis away the worker pauses, keeps everything, and catches up', async (t) => {
  const redis = await ownRedis(t);
  const stage = await setStage(t, { redisUri: redis.uri, prefetchCount: 50 });
  await writeOutdated(stage);
  const worker = await startConsuming(t, stage);
  await redis.kill();
  await publishAll(stage);
  await untilPaused(worker, 'RedisUnavailable');
  assert.deepEqual([(await worker.get('/readyz')).status, (await worker.get('/healthz')).status], [200, 200]);
  assert.equal((await worker.report()).acknowledged, 0);
  await sleep(1_000);
  await redis.start();
  await publishTtl(redis.uri, stage.keyPrefix);

  const { outcomes } = await untilAcknowledged(worker, ORDERS.length, 30_000);

  // It came back empty: every order is absent, and stays so.
  assert.equal(outcomes.absent + outcomes.updated + outcomes.invalidated, ORDERS.length);
  await nothingAside(stage, worker);
  assert.equal((await worker.report()).state, 'Consuming');
});

test('with the database away the worker pauses, keeps everything, and catches up', async (t) => {
  const { stage, proxy } = await stageWithProxiedDatabase(t);
  const worker = await startConsuming(t, stage);
  await proxy.cut();
  await publishAll(stage);
  await untilPaused(worker, 'DatabaseUnavailable');
  assert.equal((await worker.report()).acknowledged, 0);
  await sleep(1_000);
  await proxy.pass();

  await untilAcknowledged(worker, ORDERS.length);
  await untilAllRight(stage);
  await nothingAside(stage, worker);
});

test('a database that swallows every byte is noticed, too', async (t) => {
  const { stage, proxy } = await stageWithProxiedDatabase(t);
  const worker = await startConsuming(t, stage);
  await publish(
    stage,
    ORDERS.slice(0, 1).map((orderId) => ({ orderId })),
  );
  await untilAcknowledged(worker, 1);
  await proxy.blackHole();
  await publishAll(stage);
  await untilPaused(worker, 'DatabaseUnavailable');
  await proxy.pass();

  await untilAcknowledged(worker, ORDERS.length + 1, 30_000);
  await untilAllRight(stage);
});

test('RabbitMQ is consumed again within 5 s of its return', async (t) => {
  const stage = await setStage(t);
  await writeOutdated(stage);
  const proxy = await faultProxyFor(t, stage);
  const worker = await startConsuming(t, {
    ...stage,
    credentials: { ...stage.credentials, rabbitmq: { uri: proxy.uri } },
  });
  await proxy.cut();
  await untilPaused(worker, 'RabbitMQUnavailable');
  await publishAll(stage);
  await sleep(4_000);
  await proxy.pass();

  await untilAcknowledged(worker, 1, 5_000);
  await untilAllRight(stage);
});

test('a full dead-letter queue keeps the message and says so, and the other events go on', async (t) => {
  const stage = await setStage(t, { maxDeadLetters: 1 });
  await writeOutdated(stage);
  const worker = await startConsuming(t, stage);
  // The broker begins to refuse a moment after the queue is full.
  let malformed = 0;
  await until('the dead-letter queue refuses', async () => {
    malformed += 1;
    await publish(stage, [{ orderId: '*' }]);
    await sleep(100);
    return (await worker.report()).pausedBecause.includes('DeadLetterUnavailable');
  });
  await publishAll(stage);
  await untilAllRight(stage);
  await until('the others are acknowledged, and those that are refused are kept', async () => {
    const { inFlight, acknowledged, outcomes } = await worker.report();
    const aside = outcomes['dead-lettered'];
    return acknowledged === ORDERS.length + aside && inFlight === malformed - aside;
  });

  const emptied = async () => {
    await stage.channel.get(stage.topology.deadLetterQueue, { noAck: true });
    return (await worker.report()).outcomes['dead-lettered'] === malformed;
  };
  await until('all are dead-lettered', emptied);
  await until('it goes on', async () => (await worker.report()).pausedBecause.length === 0);
});

async function stageWithProxiedDatabase(t: Parameters<typeof setStage>[0], options: StageOptions = {}) {
  const stage = await setStage(t, options);
  await writeOutdated(stage);
  const proxy = await faultProxy(t, stage.database.uri);
  const database = { uri: proxy.through(stage.database.uri) };
  return { stage: { ...stage, credentials: { ...stage.credentials, database } }, proxy };
}

async function faultProxyFor(t: Parameters<typeof setStage>[0], stage: Stage) {
  const proxy = await faultProxy(t, stage.vhost.amqpUri);
  return { ...proxy, uri: proxy.through(stage.vhost.amqpUri) };
}
