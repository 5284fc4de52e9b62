import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { outboxDocument } from '../../build/outbox-sql.ts';
import { createOutbox, type OutboxSqlOptions, outboxSql } from '../../publisher/index.ts';
import { publishBatch } from '../../publisher/relay-batch.ts';
import type { Outcome } from '../../publisher/relay-broker.ts';
import { type OutboxRelayOptions, relaySettings } from '../../publisher/relay-options.ts';
import { byOrder, faultOf, type OutboxRow } from '../../publisher/relay-rows.ts';
import { retryDelay } from '../../publisher/retry-delay.ts';

const orders = { table: 'orders', exchange: 'mes', routingKey: 'mes.order' };

describe('the SQL of the outbox', () => {
  it('is what docs/outbox.sql says (else: make generate)', () => {
    assert.equal(readFileSync(join(import.meta.dirname, '../../docs/outbox.sql'), 'utf8'), outboxDocument());
  });

  const refused: [string, OutboxSqlOptions][] = [
    ['table', { table: 'a.b.c' }],
    ['table', { table: '' }],
    ['table', { table: 'x'.repeat(41) }],
    ['orders.table', { orders: { ...orders, table: '' } }],
    ['orders.columns.status', { orders: { ...orders, columns: { status: '' } } }],
    ['orders.columns.version', { orders: { ...orders, event: { versionPointer: '/v' } } }],
    ['orders.exchange', { orders: { ...orders, exchange: 'x'.repeat(256) } }],
    ['orders.event.format', { orders: { ...orders, event: { format: 'DebeziumOutbox' } } }],
    ['orders.event.statusPointer', { orders: { ...orders, event: { statusPointer: '/orderId' } } }],
  ];
  for (const [name, options] of refused)
    it(`is refused with the name ${name} for ${JSON.stringify(options)}`, () => {
      assert.throws(() => outboxSql(options), {
        name: 'TypeError',
        message: new RegExp(`^${name}: expected`),
      });
    });
});

describe('enqueue', () => {
  it('hands the client one statement with the order, the route and the body that a publisher would send', async () => {
    const calls: [string, unknown[]][] = [];
    const client = { query: async (text: string, values: unknown[]) => calls.push([text, values]) };
    const outbox = createOutbox({
      exchange: 'mes',
      routingKey: ({ status }) => `mes.${status}`,
      table: 's.o"x',
    });
    const change = { orderId: 7n, status: 'NEW', timestamp: new Date('2026-11-22T12:00:00Z') };
    await outbox.enqueue(client, change, { messageId: 'm' });
    const [[text, values]] = calls as [[string, unknown[]]];
    assert.match(text, /^INSERT INTO "s"."o""x" \(/);
    const body = '{"orderId":"7","status":"NEW","timestamp":"2026-11-22T12:00:00.000Z"}';
    assert.deepEqual(values, ['7', 'mes', 'mes.NEW', 'm', 'application/json', '{}', body]);
  });
});

function row(id: string, orderId: string, more: Partial<OutboxRow> = {}): OutboxRow {
  const route = { exchange: 'mes', routingKey: 'k', messageId: id, contentType: 'application/json' };
  return { id, orderId, ...route, headers: {}, body: '{}', createdAtSeconds: 0, attempts: 0, ...more };
}

const CONFIRMED: Outcome = { kind: 'Confirmed' };
const refusal = (wholeExchange: boolean): Outcome => {
  return { kind: 'Failed', reason: 'Refused', detail: 'no', wholeExchange };
};

describe('a batch', () => {
  const rows = [row('10', 'A'), row('9', 'A'), row('11', 'A'), row('12', 'B')];
  const options = { oneByOne: false, enough: () => false };

  it('has the events of each order in the order of their numbers', () => {
    const ids = byOrder(rows).map((order) => order.map(({ id }) => id));
    assert.deepEqual(ids, [['9', '10', '11'], ['12']]);
  });

  it('sends an event only when the one before it in its order is confirmed', async () => {
    const waiting: { id: string; confirm: () => void }[] = [];
    const publish = ({ id }: OutboxRow) =>
      new Promise<Outcome>((resolve) => waiting.push({ id, confirm: () => resolve(CONFIRMED) }));
    const publishing = publishBatch(byOrder(rows), { ...options, publish });
    const sent = () => waiting.map(({ id }) => id);
    assert.deepEqual(sent(), ['9', '12']);
    waiting[0]?.confirm();
    await new Promise(setImmediate);
    assert.deepEqual(sent(), ['9', '12', '10']);
    for (let n = 1; n < 4; n += 1, await new Promise(setImmediate)) waiting[n]?.confirm();
    const { confirmed, complete } = await publishing;
    assert.deepEqual([confirmed.map(({ id }) => id).sort(), complete], [['10', '11', '12', '9'], true]);
  });

  for (const outcome of [refusal(false), { kind: 'Lost' } as const])
    it(`sends nothing after an event that is ${outcome.kind}, and other orders`, async () => {
      const publish = async ({ id }: OutboxRow) => (id === '10' ? outcome : CONFIRMED);
      const result = await publishBatch(byOrder(rows), { ...options, publish });
      assert.deepEqual(
        [result.confirmed.map(({ id }) => id).sort(), result.failed.map(({ row: { id } }) => id)],
        [['12', '9'], outcome.kind === 'Failed' ? ['10'] : []],
      );
      assert.equal(result.complete, outcome.kind === 'Failed');
    });

  it('leaves an exchange alone once it has refused everything', async () => {
    const sent: string[] = [];
    const publish = async ({ id }: OutboxRow) => {
      sent.push(id);
      return refusal(true);
    };
    const result = await publishBatch(byOrder(rows), { oneByOne: true, enough: () => false, publish });
    assert.deepEqual([sent, [...result.refusedExchanges]], [['9'], ['mes']]);
  });

  it('begins nothing more when it is enough, and says so', async () => {
    const result = await publishBatch(byOrder(rows), {
      ...options,
      enough: () => true,
      publish: async () => CONFIRMED,
    });
    assert.deepEqual([result.confirmed, result.complete], [[], false]);
  });
});

describe('a row that cannot be sent', () => {
  const faults: [string, Partial<OutboxRow>][] = [
    ['routingKey', { routingKey: 'k'.repeat(256) }],
    ['exchange', { exchange: 'ü'.repeat(128) }],
    ['messageId', { messageId: 'm'.repeat(256) }],
    ['headers', { headers: [] }],
    ['headers', { headers: { a: {} } }],
    ['headers', { headers: { ['n'.repeat(129)]: 1 } }],
    ['headers', { headers: { a: 'x'.repeat(2048) } }],
  ];
  for (const [field, fault] of faults)
    it(`is told by its ${field}: ${JSON.stringify(fault).slice(0, 40)}`, () => {
      assert.match(faultOf(row('1', 'A', fault)) ?? '', new RegExp(`^${field}: expected`));
    });

  it('is not one with texts, numbers, booleans and nulls in its headers', () => {
    assert.equal(faultOf(row('1', 'A', { headers: { a: 'b', c: 1, d: true, e: null } })), undefined);
  });
});

describe('the options of a relay', () => {
  const options: OutboxRelayOptions = {
    database: { connect: () => Promise.reject(new Error('not asked')) },
    rabbitmq: { uri: 'amqp://localhost' },
  };
  const refused: [string, object][] = [
    ['database', { database: {} }],
    ['uri', { rabbitmq: { uri: 'http://user:hidden@localhost' } }],
    ['table', { table: 'a.b.c' }],
    ['pollMilliseconds', { pollMilliseconds: 0 }],
    ['timeoutMilliseconds', { timeoutMilliseconds: Number.NaN }],
    ['batchOrders', { batchOrders: 1.5 }],
    ['retry.initialMilliseconds', { retry: { initialMilliseconds: -1 } }],
  ];
  for (const [name, fault] of refused)
    it(`are refused with the name ${name} and without the value for ${JSON.stringify(fault)}`, () => {
      const settings = () => relaySettings({ ...options, ...fault });
      assert.throws(
        settings,
        (error: Error) => error.message.startsWith(`${name}: expected`) && !/hid/.test(error.message),
      );
    });

  it('ignore what the application throws when it is told something', () => {
    const onTrouble = () => {
      throw new Error('a mistake of the application');
    };
    relaySettings({ ...options, onTrouble }).onTrouble(new Error('told'));
    assert.throws(onTrouble);
  });

  it('double the delay between attempts up to the maximum, up to a half taken off', () => {
    const retry = { initialMilliseconds: 1_000, maximumMilliseconds: 60_000 };
    assert.deepEqual(
      [1, 2, 3, 7, 1_000].map((attempts) => retryDelay(retry, attempts, 0)),
      [1_000, 2_000, 4_000, 60_000, 60_000],
    );
    assert.equal(retryDelay(retry, 1, 1), 500);
  });
});
