import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADERS } from '../../api/names.ts';
import { until } from './worker-process.ts';
import {
  deadLetters,
  depth,
  publish,
  publishBytes,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

test('WriteThrough: the record of a cached order becomes its row, an order that is not cached is left alone', async (t) => {
  const stage = await setStage(t);
  await writeRow(stage, 'cached', 'SHIPPED', 2);
  await writeRow(stage, 'other', 'SHIPPED', 2);
  await writeRecord(stage, 'cached', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  await publish(stage, [{ orderId: 'cached' }, { orderId: 'other' }]);
  const { outcomes } = await untilAcknowledged(worker, 2);

  assert.equal(await statusInCache(stage, 'cached'), 'SHIPPED');
  assert.equal(await stage.redis.exists(`${stage.keyPrefix}other`), 0);
  assert.deepEqual([outcomes.updated, outcomes.absent], [1, 1]);
});

test('duplicates and events out of order leave the row in the cache; without a row the record is gone', async (t) => {
  const stage = await setStage(t);
  await writeRow(stage, 'a', 'DELIVERED', 3);
  await writeRecord(stage, 'a', 'PAID', 1);
  await writeRecord(stage, 'deleted', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  const statuses = ['DELIVERED', 'PAID', 'SHIPPED', 'PAID', 'DELIVERED', 'PAID'];
  await publish(stage, [...statuses.map((status) => ({ orderId: 'a', status })), { orderId: 'deleted' }]);
  await untilAcknowledged(worker, 7);

  assert.equal(await statusInCache(stage, 'a'), 'DELIVERED');
  assert.equal(await statusInCache(stage, 'deleted'), null);
});

test('ReadThrough: the record of a cached order is dropped, unless it is what the event says', async (t) => {
  const stage = await setStage(t, { strategy: 'ReadThrough', versioned: true });
  for (const orderId of ['a', 'b', 'c']) await writeRow(stage, orderId, 'SENT', 2);
  await writeRecord(stage, 'a', 'PAID', 1);
  await writeRecord(stage, 'b', 'SENT', 2);
  const worker = await startConsuming(t, stage);

  await publish(
    stage,
    ['a', 'b', 'c'].map((orderId) => ({ orderId, version: 2 })),
  );
  const { outcomes } = await untilAcknowledged(worker, 3);

  assert.deepEqual([await statusInCache(stage, 'a'), await statusInCache(stage, 'b')], [null, 'SENT']);
  assert.deepEqual([outcomes.invalidated, outcomes.unchanged, outcomes.absent], [1, 1, 1]);
});

test('a versioned event that comes before its commit waits for the row', async (t) => {
  const stage = await setStage(t, { versioned: true, maxAttempts: 30 });
  await writeRow(stage, 'a', 'PAID', 1);
  await writeRecord(stage, 'a', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  const writer = await stage.database.pool.connect();
  await writer.query(`BEGIN; UPDATE orders SET status = 'SHIPPED', version = 2 WHERE id = 'a'`);
  await publish(stage, [{ orderId: 'a', version: 2 }]);
  await until('the event was retried', async () => (await worker.report()).outcomes.retried >= 1);
  assert.equal(await statusInCache(stage, 'a'), 'PAID');
  await writer.query('COMMIT');
  writer.release();

  await until('the record is the row', async () => (await statusInCache(stage, 'a')) === 'SHIPPED');
});

test('a row that never becomes visible ends as unseen, and forged counts of attempts do no harm', async (t) => {
  const stage = await setStage(t, { versioned: true, maxAttempts: 2 });
  await writeRow(stage, 'a', 'PAID', 1);
  await writeRecord(stage, 'a', 'NEW', 0);
  const worker = await startConsuming(t, stage);

  await publish(stage, [{ orderId: 'a', version: 9 }]);
  const forged = { orderId: 'a', status: 'PAID', version: 9, timestamp: '2026-11-22T10:00:00Z' };
  publishBytes(stage, Buffer.from(JSON.stringify(forged)), { headers: { [HEADERS.attempts]: -5 } });
  publishBytes(stage, Buffer.from(JSON.stringify(forged)), { headers: { [HEADERS.attempts]: 1e9 } });
  const { outcomes } = await untilAcknowledged(worker, 5);

  assert.deepEqual([outcomes.unseen, outcomes.retried, outcomes['dead-lettered']], [3, 2, 0]);
  assert.equal(await statusInCache(stage, 'a'), 'PAID');
});

const bytes = (document: object) => Buffer.from(JSON.stringify(document));
const time = '2026-11-22T10:00:00Z';
const good = { orderId: 'a', status: 'SENT', timestamp: time };
const MALFORMED: readonly (readonly [reason: string, body: Buffer])[] = [
  ['EmptyBody', Buffer.alloc(0)],
  ['InvalidJson', Buffer.from('x')],
  ['InvalidUtf8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ['InvalidJson', bytes(good).subarray(0, 20)],
  ['BodyTooLarge', Buffer.alloc(65537, 0x20)],
  ['NotAnObject', Buffer.from('[]')],
  ['NotAnObject', Buffer.from('null')],
  ['NotAnObject', Buffer.from('7')],
  ['DuplicateField', Buffer.from(`{"orderId":"a","orderId":"b","status":"S","timestamp":"${time}"}`)],
  ['MissingField', bytes({ orderId: 'a', timestamp: time })],
  ['InvalidOrderId', bytes({ ...good, orderId: '' })],
  ['InvalidOrderId', bytes({ ...good, orderId: 'a\r\nDEL b' })],
  ['InvalidOrderId', bytes({ ...good, orderId: 'other:{x}*' })],
  ['InvalidStatus', bytes({ ...good, status: 'x'.repeat(200) })],
  ['InvalidTimestamp', bytes({ ...good, timestamp: '2026-11-22T10:00:00' })],
];

test('malformed events are dead-lettered at their first delivery with their reason; neighbours are not affected', async (t) => {
  const stage = await setStage(t);
  await writeRow(stage, 'a', 'SENT', 1);
  await writeRecord(stage, 'a', 'PAID', 0);
  for (const [, body] of MALFORMED) {
    publishBytes(stage, body, { contentType: 'application/json' });
    publishBytes(stage, bytes(good));
  }
  const worker = await startConsuming(t, stage);

  const { outcomes } = await untilAcknowledged(worker, 2 * MALFORMED.length);

  const found = await deadLetters(stage, MALFORMED.length);
  const reasons = found.map(({ properties }) => properties.headers?.[HEADERS.reason]);
  assert.deepEqual(reasons.sort(), MALFORMED.map(([reason]) => reason).sort());
  assert.deepEqual([outcomes['dead-lettered'], outcomes.retried], [MALFORMED.length, 0]);
  assert.equal(await statusInCache(stage, 'a'), 'SENT');
  assert.ok(!JSON.stringify(worker.log).includes('DEL b'));
});

test('headers and properties by which the broker would act on a dead letter are not taken over', async (t) => {
  const stage = await setStage(t);
  await stage.channel.assertQueue('victim');
  publishBytes(stage, Buffer.from('x'), {
    CC: ['victim'],
    replyTo: 'somewhere',
    userId: stage.vhost.username,
    expiration: '60000',
    correlationId: 'c1',
    headers: { 'x-death': 'forged', 'x-trace': 't1' },
  });
  await startConsuming(t, stage);
  const [letter] = await deadLetters(stage, 1);

  const { headers, correlationId, replyTo, userId, expiration, deliveryMode } = letter?.properties ?? {};
  assert.deepEqual([correlationId, headers?.['x-trace'], deliveryMode], ['c1', 't1', 2]);
  assert.deepEqual(
    [replyTo, userId, expiration, headers?.['x-death']],
    [undefined, undefined, undefined, undefined],
  );
  assert.equal(await depth(stage, 'victim'), 1);
});
