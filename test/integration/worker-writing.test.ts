import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADERS } from '../../api/names.ts';
import { faultProxy } from '../servers/index.ts';
import { until } from './worker-process.ts';
import {
  deadLetters,
  depth,
  publish,
  type Stage,
  startConsuming,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';
import { publishStamped, recordOf, rowOf, setWritingStage } from './worker-writing.ts';

const both = async (stage: Stage, id: string) => [await rowOf(stage, id), await recordOf(stage, id)];

for (const strategy of ['WriteThrough', 'ReadThrough'] as const) {
  test(`${strategy}: the worker writes the row, then the cache; an older event changes neither`, async (t) => {
    const stage = await setWritingStage(t, { strategy });
    for (const id of ['cached', 'other', 'newer']) await writeRow(stage, id, 'PAID', 5);
    await writeRecord(stage, 'cached', 'PAID', 5);
    await writeRecord(stage, 'newer', 'PAID', 5);
    const worker = await startConsuming(t, stage);

    await publish(stage, [
      { orderId: 'cached', version: 6 },
      { orderId: 'other', version: 6 },
      { orderId: 'newer', version: 4 },
    ]);
    const { outcomes } = await untilAcknowledged(worker, 3);

    const record = strategy === 'WriteThrough' ? 'SENT 6' : undefined;
    assert.deepEqual(await both(stage, 'cached'), ['SENT 6', record]);
    assert.deepEqual(await both(stage, 'other'), ['SENT 6', undefined]);
    assert.deepEqual(await both(stage, 'newer'), ['PAID 5', 'PAID 5']);
    const changed = strategy === 'WriteThrough' ? outcomes.updated : outcomes.invalidated;
    assert.deepEqual([changed, outcomes.absent, outcomes.unchanged], [1, 1, 1]);
  });
}

test('events without versions are ordered by their times, whatever order they come in, and a tie by the status', async (t) => {
  const stage = await setWritingStage(t, { event: {}, version: 'timestamptz' });
  const ids = ['a', 'b', 'c'];
  for (const id of ids)
    await stage.database.pool.query(`INSERT INTO orders VALUES ($1, 'NEW', 'epoch')`, [id]);
  const at = (micros: string) => `2026-11-22T10:00:00.${micros}+00:00`;
  const events = [
    { status: 'PAID', timestamp: at('000001') },
    { status: 'SENT', timestamp: at('000002') },
    { status: 'RETURNED', timestamp: at('000002') },
    { status: 'NEW', timestamp: '2026-11-22T11:59:59.999999+02:00' },
  ];
  const worker = await startConsuming(t, stage);
  for (const turn of [0, 1, 2, 3]) {
    const one = ids.map((orderId, index) => ({ orderId, ...events[(turn + index) % 4] }));
    await publishStamped(stage, one as Parameters<typeof publishStamped>[1]);
    await untilAcknowledged(worker, 3 * (turn + 1));
  }
  for (const id of ids) assert.match((await rowOf(stage, id)) ?? '', /^SENT 2026-11-22 10:00:00\.000002/);
});

/** What is left of an order after an event from 50 minutes ahead and one from now. */
async function afterStampAhead(t: Parameters<typeof setWritingStage>[0], maxClockSkewSeconds: number) {
  const stage = await setWritingStage(t, { event: { maxClockSkewSeconds }, version: 'timestamptz' });
  await stage.database.pool.query(`INSERT INTO orders VALUES ('a', 'NEW', 'epoch')`);
  const worker = await startConsuming(t, stage);
  const timestamp = new Date(Date.now() + 50 * 60_000).toISOString();
  await publishStamped(stage, [{ orderId: 'a', status: 'AHEAD', timestamp }]);
  await untilAcknowledged(worker, 1);
  await publishStamped(stage, [{ orderId: 'a', status: 'SENT' }]);
  const { outcomes } = await untilAcknowledged(worker, 2);
  const row = await rowOf(stage, 'a');
  return { stage, status: row?.split(' ')[0], deadLettered: outcomes['dead-lettered'] };
}

test('a time ahead of the clock is dead-lettered, since the order would stay as it is until then', async (t) => {
  const fenced = await afterStampAhead(t, 60);
  assert.deepEqual([fenced.status, fenced.deadLettered], ['SENT', 1]);
  const [letter] = await deadLetters(fenced.stage, 1);
  assert.equal(letter?.properties.headers?.[HEADERS.reason], 'TimestampAhead');
  const open = await afterStampAhead(t, 3600);
  assert.deepEqual([open.status, open.deadLettered], ['AHEAD', 0]);
});

test('an order without a row is waited for, then dead-lettered; no row is made, and its record is gone', async (t) => {
  const stage = await setWritingStage(t, { maxAttempts: 5 });
  await writeRecord(stage, 'deleted', 'PAID', 1);
  const worker = await startConsuming(t, stage);
  await publish(stage, [
    { orderId: 'deleted', version: 2 },
    { orderId: 'late', version: 2 },
  ]);
  await untilAcknowledged(worker, 2);
  await writeRow(stage, 'late', 'NEW', 1);

  const [letter] = await deadLetters(stage, 1);

  assert.equal(letter?.properties.headers?.[HEADERS.reason], 'OrderNotFound');
  assert.deepEqual(await both(stage, 'deleted'), [undefined, undefined]);
  await until('the late row is written', async () => (await rowOf(stage, 'late')) === 'SENT 2');
  await until('it is counted', async () => (await worker.report()).outcomes['dead-lettered'] === 1);
  assert.equal((await worker.report()).outcomes.unseen, 0);
});

test('a status that the database refuses of every order fills no log', async (t) => {
  const stage = await setWritingStage(t, { maxAttempts: 1 });
  await stage.database.pool.query(`ALTER TABLE orders ADD CHECK (status <> 'BAD')`);
  const orderIds = Array.from({ length: 50 }, (_, n) => `order-${n}`);
  for (const orderId of orderIds) await writeRow(stage, orderId, 'NEW', 1);
  await publish(
    stage,
    orderIds.map((orderId) => ({ orderId, status: 'BAD', version: 2 })),
  );
  const worker = await startConsuming(t, stage);

  await untilAcknowledged(worker, orderIds.length);

  const lines = worker.log.filter(({ msg }) => msg === 'processing failed');
  assert.ok(lines.length > 0 && lines.length <= 10, `${lines.length} lines`);
});

test('what the database refuses is dead-lettered, and neither its neighbours nor its order suffer', async (t) => {
  const stage = await setWritingStage(t, { maxAttempts: 2 });
  await stage.database.pool.query(`ALTER TABLE orders ADD CHECK (status <> 'BAD')`);
  for (const id of ['a', 'b']) await writeRow(stage, id, 'NEW', 1);
  await writeRecord(stage, 'a', 'NEW', 1);
  await publish(stage, [
    { orderId: 'a', version: 2 },
    { orderId: 'a', status: 'BAD', version: 3 },
    { orderId: 'b', version: 2 },
  ]);
  const worker = await startConsuming(t, stage);

  const [letter] = await deadLetters(stage, 1);

  assert.equal(letter?.properties.headers?.[HEADERS.reason], 'RowRefused');
  await until('nothing is left', async () => {
    const { outcomes, inFlight } = await worker.report();
    return outcomes['dead-lettered'] === 1 && inFlight === 0 && (await depth(stage, 'orders')) === 0;
  });
  assert.deepEqual(await both(stage, 'a'), ['SENT 2', 'SENT 2']);
  assert.equal(await rowOf(stage, 'b'), 'SENT 2');
  assert.equal((await worker.report()).outcomes['dead-lettered'], 1);
});

const ORDERS = Array.from({ length: 100 }, (_, index) => `order-${index}`);

async function writeOrders(stage: Stage): Promise<void> {
  await stage.database.pool.query(`INSERT INTO orders SELECT unnest($1::text[]), 'NEW', 1`, [ORDERS]);
  await Promise.all(ORDERS.map((id) => writeRecord(stage, id, 'NEW', 1)));
}

const publishAll = (stage: Stage) =>
  publish(
    stage,
    ORDERS.map((orderId) => ({ orderId, version: 2 })),
  );

async function allSent(stage: Stage): Promise<void> {
  for (const id of ORDERS) assert.deepEqual(await both(stage, id), ['SENT 2', 'SENT 2']);
  assert.equal(await depth(stage, stage.topology.deadLetterQueue), 0);
}

test('with the database away the worker pauses, and writes every row when it is back', async (t) => {
  const stage = await setWritingStage(t);
  await writeOrders(stage);
  const proxy = await faultProxy(t, stage.database.uri);
  const credentials = { ...stage.credentials, database: { uri: proxy.through(stage.database.uri) } };
  const worker = await startConsuming(t, { ...stage, credentials });
  await proxy.cut();
  await publishAll(stage);
  await until('paused', async () => (await worker.report()).pausedBecause.includes('DatabaseUnavailable'));
  assert.equal((await worker.report()).acknowledged, 0);
  await proxy.pass();
  const { outcomes } = await untilAcknowledged(worker, ORDERS.length);
  assert.deepEqual([outcomes.retried, outcomes['dead-lettered']], [0, 0]);
  await allSent(stage);
});

test('killed between the row and the cache, what it had in hand is finished by the next worker', async (t) => {
  const stage = await setWritingStage(t);
  await writeOrders(stage);
  const proxy = await faultProxy(t, stage.credentials.redis?.uri ?? '');
  const redis = { uri: proxy.through(stage.credentials.redis?.uri ?? '') };
  const first = await startConsuming(t, { ...stage, credentials: { ...stage.credentials, redis } });
  await proxy.stall();
  await publishAll(stage);
  await until('a row is written', async () => (await rowOf(stage, 'order-0')) === 'SENT 2');
  first.kill('SIGKILL');
  await first.exitCode;
  assert.equal(await recordOf(stage, 'order-0'), 'NEW 1');

  const second = await startConsuming(t, stage);
  await untilAcknowledged(second, ORDERS.length);
  await allSent(stage);
});

test('an order that somebody keeps locked is waited for, and the others are not kept from being written', async (t) => {
  const stage = await setWritingStage(t, { maxAttempts: 30 });
  await writeOrders(stage);
  const holder = await stage.database.pool.connect();
  await holder.query(`BEGIN; SELECT FROM orders WHERE id = 'order-7' FOR UPDATE`);
  const worker = await startConsuming(t, stage);
  await publishAll(stage);
  const { outcomes } = await untilAcknowledged(worker, ORDERS.length);
  assert.equal(outcomes.updated, ORDERS.length - 1);
  assert.ok(outcomes.retried >= 1);
  await holder.query('COMMIT');
  holder.release();
  await until('the row is written', async () => (await recordOf(stage, 'order-7')) === 'SENT 2');
  await allSent(stage);
});

test('two workers, each event three times and in any order: every row is its newest event, every record its row', async (t) => {
  const stage = await setWritingStage(t, { event: {}, version: 'timestamptz', prefetchCount: 50 });
  const orders = ORDERS.slice(0, 40);
  await stage.database.pool.query(`INSERT INTO orders SELECT unnest($1::text[]), 'NEW', 'epoch'`, [orders]);
  const { pool } = stage.database;
  await pool.query(`ALTER DATABASE ${stage.database.database} SET timezone TO 'UTC'`);
  const cached = orders.map((id) => stage.redis.hset(stage.keyPrefix + id, { status: 'OLD', version: '1' }));
  await Promise.all(cached);
  await startConsuming(t, stage);
  await startConsuming(t, { ...stage, config: { ...stage.config, strategy: 'ReadThrough' } });

  const start = Date.now() - 60_000;
  const events = orders.flatMap((orderId, order) =>
    Array.from({ length: 30 }, (_, index) => ({
      orderId,
      status: `S${(index * 7 + order) % 30}`,
      timestamp: new Date(start + Math.floor(index / 2) * 10 + order).toISOString(),
    })),
  );
  const shuffled = [...events, ...events, ...events]
    .map((event, index) => ({ event, at: Math.imul(index + 1, 2654435761) >>> 0 }))
    .sort((a, b) => a.at - b.at);
  await publishStamped(
    stage,
    shuffled.map(({ event }) => event),
  );
  const newestOf = (orderId: string) =>
    events
      .filter((event) => event.orderId === orderId)
      .reduce((best, event) =>
        `${event.timestamp}${event.status}` > `${best.timestamp}${best.status}` ? event : best,
      );
  const right = async () => {
    if ((await depth(stage, 'orders')) > 0) return false;
    const rows = await Promise.all(orders.map((id) => rowOf(stage, id)));
    return rows.every((row, index) => row?.startsWith(`${newestOf(orders[index] ?? '').status} `));
  };
  await until('every row is its newest event', right, 30_000);
  const settled = async () => {
    const { rows } = await pool.query<{ id: string; status: string }>('SELECT id, status FROM orders');
    const statuses = await Promise.all(
      rows.map(({ id }) => stage.redis.hget(stage.keyPrefix + id, 'status')),
    );
    return statuses.every((status, index) => status === null || status === rows[index]?.status);
  };
  await until('every record is its row', settled);
});
