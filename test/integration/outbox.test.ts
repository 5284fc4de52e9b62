import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventDecoder } from '../../api/event-decode.ts';
import { createOutbox } from '../../publisher/index.ts';
import { eventSettings } from '../../publisher/options.ts';
import { outboxStage, pending, soon, transaction } from './outbox-stage.ts';

const outbox = createOutbox({ exchange: 'mes', routingKey: 'mes.order.status' });
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('an event in the outbox', () => {
  it('is published with its id, time, headers and body when its transaction has committed, and is gone then', async (t) => {
    const { database, relay, arrived } = await outboxStage(t);
    relay();
    const change = { orderId: 'A-1', status: 'PACKED', timestamp: new Date('2026-11-22T12:00:00Z') };
    await transaction(database.pool, async (client) => {
      await outbox.enqueue(client, change, { messageId: 'm-1', traceparent, routingKey: 'mes.own' });
    });
    await soon('published', () => arrived.length > 0);
    const { properties, fields, content } = arrived[0]?.message ?? assert.fail();
    assert.deepEqual(
      [properties.messageId, properties.deliveryMode, properties.contentType, fields.routingKey],
      ['m-1', 2, 'application/json', 'mes.own'],
    );
    assert.deepEqual({ ...properties.headers }, { traceparent });
    assert.ok(Math.abs(properties.timestamp - Date.now() / 1000) < 60);
    assert.deepEqual(JSON.parse(content.toString()), { ...change, timestamp: '2026-11-22T12:00:00.000Z' });
    await soon('deleted', async () => (await pending(database)) === 0);
  });

  it('is published as a CloudEvent in binary mode', async (t) => {
    const { database, relay, arrived } = await outboxStage(t);
    relay();
    const event = { format: 'CloudEvents' } as const;
    const clouds = createOutbox({
      exchange: 'mes',
      routingKey: 'mes.x',
      event,
      cloudEvents: { mode: 'Binary' },
    });
    const { messageId } = await clouds.enqueue(database.pool, { orderId: 'A-1', status: 'PACKED' });
    await soon('published', () => arrived.length > 0);
    const { properties, content } = arrived[0]?.message ?? assert.fail();
    const decoded = eventDecoder(eventSettings(event))(content, { ...properties });
    assert.ok(decoded.kind === 'Event', JSON.stringify(decoded));
    assert.deepEqual([decoded.event.orderId, decoded.event.status], ['A-1', 'PACKED']);
    assert.equal(properties.headers?.cloudEvents_id, messageId);
  });

  it('is never published when its transaction is rolled back', async (t) => {
    const { database, relay, arrived } = await outboxStage(t);
    relay();
    const undone = transaction(database.pool, async (client) => {
      await outbox.enqueue(client, { orderId: 'A-1', status: 'UNDONE' });
      throw new Error('rolled back');
    });
    await assert.rejects(undone, /rolled back/);
    await outbox.enqueue(database.pool, { orderId: 'A-1', status: 'DONE' });
    await soon('published', () => arrived.length > 0);
    assert.deepEqual(
      arrived.map(({ status }) => status),
      ['DONE'],
    );
  });

  it('is published at once after the commit, long before the next poll', async (t) => {
    const { database, relay, arrived } = await outboxStage(t);
    const waiting = relay({ pollMilliseconds: 60_000 });
    await soon('up', () => waiting.status().broker === 'Up' && waiting.status().database === 'Up');
    const latencies: number[] = [];
    for (let n = 1; n <= 20; n += 1) {
      const committed = performance.now();
      await outbox.enqueue(database.pool, { orderId: 'A-1', status: `S${n}` });
      await soon('published', () => arrived.length === n);
      latencies.push((arrived[n - 1]?.at ?? Number.NaN) - committed);
      await sleep(20);
    }
    const median = latencies.sort((a, b) => a - b)[10] ?? Number.NaN;
    t.diagnostic(
      `commit to queue: median ${median.toFixed(1)} ms, longest ${latencies.at(-1)?.toFixed(1)} ms`,
    );
    assert.ok(median < 10_000, `${median} ms`);
  });

  it('is found by the poll where the table does not notify', async (t) => {
    const { database, relay, arrived } = await outboxStage(t, { notify: false });
    const started = async (pollMilliseconds: number) => {
      const waiting = relay({ pollMilliseconds });
      await soon('up', () => waiting.status().broker === 'Up' && waiting.status().database === 'Up');
      await sleep(500); // it looks once when it starts
    };
    await started(3_600_000);
    await outbox.enqueue(database.pool, { orderId: 'A-1', status: 'DONE' });
    await sleep(500);
    assert.equal(arrived.length, 0);
    await started(200);
    await outbox.enqueue(database.pool, { orderId: 'A-2', status: 'DONE' });
    await soon('published', () => arrived.length === 2);
  });

  it('is not written when a worker would not accept it', async (t) => {
    const { database } = await outboxStage(t);
    const refused = outbox.enqueue(database.pool, { orderId: 'a:b', status: 'DONE' });
    await assert.rejects(refused, { name: 'PublishError', reason: 'Invalid', field: 'orderId' });
    assert.equal(await pending(database), 0);
  });
});

describe('an event that no broker takes', () => {
  it('stays with attempts and error, later ones of its order wait, other orders do not', async (t) => {
    const { database, relay, arrived, channel, failures } = await outboxStage(t);
    const retry = { initialMilliseconds: 200, maximumMilliseconds: 400 };
    relay({ retry });
    await outbox.enqueue(database.pool, { orderId: 'A', status: '1' }, { routingKey: 'crm.order' });
    await outbox.enqueue(database.pool, { orderId: 'A', status: '2' });
    for (let n = 0; n < 50; n += 1) await outbox.enqueue(database.pool, { orderId: `B${n}`, status: '1' });
    await soon('the others are published', () => arrived.length === 50);
    await soon('tried again', () => failures.length >= 3);
    const kept = async () =>
      (await database.pool.query('SELECT attempts >= 3 AS often, last_error FROM order_outbox ORDER BY id'))
        .rows;
    await soon('written down', async () => (await kept())[0]?.often);
    assert.deepEqual(await kept(), [
      { often: true, last_error: 'Unroutable: no queue is bound for the routing key' },
      { often: false, last_error: null },
    ]);
    assert.ok(arrived.every(({ orderId }) => orderId !== 'A'));
    await channel.bindQueue('orders', 'mes', 'crm.order');
    await soon('published', () => arrived.length === 52);
    assert.deepEqual(
      arrived.slice(50).map(({ status }) => status),
      ['1', '2'],
    );
  });

  it('stays in front of others by the thousand, and does not hide them', async (t) => {
    const { database, relay, arrived } = await outboxStage(t);
    await database.pool.query(`INSERT INTO order_outbox (order_id, exchange, routing_key, body, next_attempt_at)
      SELECT CASE WHEN n <= 6000 THEN 'W' ELSE 'W' || n END, 'mes', 'mes.x', '{}',
        CASE WHEN n = 1 OR n > 6000 THEN 'infinity'::timestamptz ELSE '-infinity' END FROM generate_series(1, 12000) n`);
    await outbox.enqueue(database.pool, { orderId: 'A', status: '1' });
    const waiting = relay();
    await soon('published', () => arrived.length > 0);
    await soon('deleted', async () => (await pending(database)) === 12_000);
    await soon('measured', () => waiting.status().pending >= 12_000);
    assert.deepEqual(
      arrived.map(({ orderId }) => orderId),
      ['A'],
    );
  });

  it('because its exchange is missing, hinders nobody else and goes out when the exchange is there', async (t) => {
    const { database, relay, arrived, channel, failures } = await outboxStage(t);
    const crm = createOutbox({ exchange: 'crm', routingKey: 'crm.order' });
    for (let n = 0; n < 100; n += 1) {
      await crm.enqueue(database.pool, { orderId: `C${n}`, status: '1' });
      await outbox.enqueue(database.pool, { orderId: `M${n}`, status: '1' });
    }
    const waiting = relay({ retry: { initialMilliseconds: 500, maximumMilliseconds: 1_000 } });
    await soon('the others are published', () => new Set(arrived.map(({ orderId }) => orderId)).size === 100);
    await soon('told', () => failures.length > 0);
    assert.match(failures[0]?.detail ?? '', /no exchange 'crm'/);
    await soon('measured', () => waiting.status().pending > 0);
    await channel.assertExchange('crm', 'topic');
    await channel.bindQueue('orders', 'crm', 'crm.#');
    await soon('published', () => new Set(arrived.map(({ orderId }) => orderId)).size === 200);
    await soon('deleted', async () => (await pending(database)) === 0);
  });

  it('because the queue is full, goes out when there is room', async (t) => {
    const { database, relay, arrived, channel, failures } = await outboxStage(t);
    const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' };
    await channel.assertQueue('full', { durable: true, arguments: { 'x-queue-type': 'quorum', ...full } });
    await channel.bindQueue('full', 'mes', 'mes.full');
    await channel.unbindQueue('orders', 'mes', 'mes.#');
    relay({ retry: { initialMilliseconds: 100, maximumMilliseconds: 100 } });
    for (let n = 0; n < 10; n += 1)
      await outbox.enqueue(database.pool, { orderId: 'A', status: `${n}` }, { routingKey: 'mes.full' });
    await soon('refused', () => failures.length > 0);
    assert.equal(failures[0]?.detail, 'a queue is full or failed');
    const found: string[] = [];
    await channel.consume('full', (each) => each && found.push(JSON.parse(each.content.toString()).status), {
      noAck: true,
    });
    await soon('published', async () => (await pending(database)) === 0);
    await soon('arrived', () => found.length >= 10);
    assert.deepEqual([...new Set(found)], ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    assert.equal(arrived.length, 0);
  });

  it('because it ends the channel and the broker does not say which it was, is found, and the others go out', async (t) => {
    const { database, relay, arrived, failures } = await outboxStage(t);
    for (let n = 0; n < 40; n += 1) await outbox.enqueue(database.pool, { orderId: `B${n}`, status: '1' });
    await database.pool.query(
      `UPDATE order_outbox SET headers = '{"CC": "not an array"}' WHERE order_id = 'B20'`,
    );
    relay();
    await soon('the others are published', () => new Set(arrived.map(({ orderId }) => orderId)).size === 39);
    await soon('deleted', async () => (await pending(database)) === 1);
    const left = async () =>
      (await database.pool.query('SELECT order_id, last_error FROM order_outbox')).rows;
    await soon('written down', async () => (await left())[0]?.last_error !== null);
    assert.deepEqual([...new Set(failures.map(({ orderId }) => orderId))], ['B20']);
    const rows = await left();
    assert.deepEqual(
      [rows[0]?.order_id, /^Refused: .*PRECONDITION_FAILED/.test(rows[0]?.last_error)],
      ['B20', true],
    );
  });

  it('because it could not even be sent, is told from the others before it ends their connection', async (t) => {
    const { database, relay, arrived, failures, trouble } = await outboxStage(t);
    const key = 'k'.repeat(256);
    await outbox.enqueue(database.pool, { orderId: 'A', status: '1' });
    await database.pool.query('UPDATE order_outbox SET routing_key = $1', [key]);
    for (let n = 0; n < 40; n += 1) await outbox.enqueue(database.pool, { orderId: `B${n}`, status: '1' });
    relay();
    await soon('the others are published', () => arrived.length === 40);
    await soon('told', () => failures.length > 0);
    assert.equal(failures[0]?.detail, 'routingKey: expected at most 255 bytes');
    assert.deepEqual(trouble, []);
  });
});
