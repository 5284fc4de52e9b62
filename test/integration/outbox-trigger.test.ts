import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventDecoder } from '../../api/event-decode.ts';
import { outboxSql } from '../../publisher/index.ts';
import { eventSettings } from '../../publisher/options.ts';
import type { OrdersTriggerOptions } from '../../publisher/outbox-trigger-sql.ts';
import { type TestDatabase, testDatabase } from '../servers/index.ts';
import { outboxStage, soon } from './outbox-stage.ts';

const orders: OrdersTriggerOptions = {
  table: 'orders',
  columns: { version: 'version' },
  exchange: 'mes',
  routingKey: 'mes.order.status.{status}',
  event: { versionPointer: '/version' },
};

interface Row {
  readonly order_id: string;
  readonly routing_key: string;
  readonly body: string;
}

async function covered(
  t: TestContext,
  more: Partial<OrdersTriggerOptions> = {},
  alter = '',
): Promise<TestDatabase> {
  const database = await testDatabase(t);
  await database.pool.query(alter);
  await database.pool.query(outboxSql({ orders: { ...orders, ...more } }));
  return database;
}

async function events({ pool }: TestDatabase): Promise<Row[]> {
  return (await pool.query<Row>('SELECT order_id, routing_key, body FROM order_outbox ORDER BY id')).rows;
}

/** As a worker of a policy with these settings reads them. */
async function decoded(database: TestDatabase, event: OrdersTriggerOptions['event'] = orders.event) {
  const decode = eventDecoder(eventSettings(event));
  return (await events(database)).map(({ body }) => {
    const result = decode(Buffer.from(body), {});
    assert.equal(result.kind, 'Event', JSON.stringify(result));
    return result.kind === 'Event' ? result.event : assert.fail();
  });
}

describe('the trigger on the orders table', () => {
  it('publishes what plain SQL changes, when it is committed, in order', async (t) => {
    const { database, relay, arrived } = await outboxStage(t, { orders });
    relay();
    const client = await database.pool.connect();
    await client.query("INSERT INTO orders VALUES ('A', 'NEW', 1), ('B', 'NEW', 1)");
    await client.query("UPDATE orders SET status = 'PACKED', version = version + 1");
    await client.query("BEGIN; UPDATE orders SET status = 'UNDONE', version = version + 1; ROLLBACK");
    await client.query("BEGIN; UPDATE orders SET status = 'SENT', version = 3 WHERE id = 'A'; COMMIT");
    client.release();
    await soon('published', () => arrived.length === 5);
    const of = (id: string) =>
      arrived.filter(({ orderId }) => orderId === id).map((each) => [each.status, each.version]);
    assert.deepEqual(of('A'), [
      ['NEW', 1],
      ['PACKED', 2],
      ['SENT', 3],
    ]);
    assert.deepEqual(of('B'), [
      ['NEW', 1],
      ['PACKED', 2],
    ]);
    assert.equal(arrived.at(-1)?.message.fields.routingKey, 'mes.order.status.SENT');
  });

  it('writes what a worker reads, with versions above 2^53 to the last digit', async (t) => {
    const database = await covered(t);
    const before = Date.now();
    await database.pool.query("INSERT INTO orders VALUES ('A/1', 'Größe \"x\" \\', 9007199254740993)");
    const [event] = await decoded(database);
    assert.ok(event !== undefined && Math.abs(event.timestampMs - before) < 60_000);
    assert.deepEqual(
      [event.orderId, event.status, event.version],
      ['A/1', 'Größe "x" \\', '9007199254740993'],
    );
  });

  for (const timestampFormat of ['RFC3339', 'UnixSeconds', 'UnixMilliseconds', 'UnixMicroseconds'] as const)
    it(`writes the fields where the policy looks for them, the time as ${timestampFormat}`, async (t) => {
      const event = {
        orderIdPointer: '/order/OrderID',
        statusPointer: '/order/it~1s "status"',
        timestampPointer: '/at',
        timestampFormat,
      };
      const database = await covered(t, { event });
      await database.pool.query("SET TIME ZONE 'Asia/Tokyo'; INSERT INTO orders VALUES ('A', 'NEW', 1)");
      const [found] = await decoded(database, event);
      assert.ok(found !== undefined && Math.abs(found.timestampMs - Date.now()) < 60_000);
      assert.deepEqual([found.orderId, found.status, found.version], ['A', 'NEW', null]);
    });

  it('writes CloudEvents, with the id of the message', async (t) => {
    const event = { format: 'CloudEvents', versionPointer: '/data/version' } as const;
    const database = await covered(t, { event, cloudEvents: { source: '/mes' } });
    await database.pool.query("INSERT INTO orders VALUES ('A', 'NEW', 1)");
    const [found] = await decoded(database, event);
    assert.deepEqual([found?.orderId, found?.status, found?.version], ['A', 'NEW', '1']);
    const { rows } = await database.pool.query('SELECT message_id, content_type, body FROM order_outbox');
    const { id, source, type } = JSON.parse(rows[0].body);
    assert.deepEqual([id, source, type], [rows[0].message_id, '/mes', 'order.status.changed']);
    assert.equal(rows[0].content_type, 'application/cloudevents+json; charset=utf-8');
  });

  it('writes a version that is the timestamp of the event', async (t) => {
    const alter =
      "ALTER TABLE orders DROP version, ADD version timestamptz NOT NULL DEFAULT '2026-11-22 12:00:00.123456+00'";
    const event = { versionPointer: '/timestamp', versionFormat: 'Timestamp' } as const;
    const database = await covered(t, { event }, alter);
    await database.pool.query("INSERT INTO orders (id, status) VALUES ('A', 'NEW'); DELETE FROM orders");
    const [inserted, deleted] = await decoded(database, event);
    assert.equal(inserted?.version, '1795348800123456');
    assert.ok(Math.abs((deleted?.timestampMs ?? 0) - Date.now()) < 60_000);
  });

  it('writes a timestamptz version to the microsecond, whatever the time zone of the session', async (t) => {
    const alter =
      "ALTER TABLE orders DROP version, ADD version timestamptz NOT NULL DEFAULT '2026-11-22 12:00:00.123456+00'";
    const database = await covered(t, { event: { versionPointer: '/v', versionFormat: 'Timestamp' } }, alter);
    await database.pool.query(
      "SET TIME ZONE 'Asia/Tokyo'; INSERT INTO orders (id, status) VALUES ('A', 'NEW')",
    );
    const [row] = await events(database);
    assert.equal(JSON.parse(row?.body ?? '{}').v, '2026-11-22T12:00:00.123456Z');
  });

  it('is silent when neither status nor version changes, and sees what another trigger changes', async (t) => {
    const bump = `ALTER TABLE orders ADD note text;
      CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN IF NEW.note = 'bump' THEN NEW.version := OLD.version + 1; END IF; RETURN NEW; END$$;
      CREATE TRIGGER bump BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION bump()`;
    const database = await covered(t, {}, bump);
    await database.pool.query("INSERT INTO orders VALUES ('A', 'NEW', 1)");
    await database.pool.query("UPDATE orders SET note = 'no event', status = status");
    assert.equal((await events(database)).length, 1);
    await database.pool.query("UPDATE orders SET note = 'bump'");
    assert.deepEqual(
      (await decoded(database)).map(({ version }) => version),
      ['1', '2'],
    );
  });

  it('tells a deletion, without a version that a worker would wait for', async (t) => {
    const database = await covered(t);
    await database.pool.query("INSERT INTO orders VALUES ('A', 'NEW', 7)");
    await database.pool.query('DELETE FROM orders');
    const [, deleted] = await decoded(database);
    assert.deepEqual([deleted?.orderId, deleted?.status, deleted?.version], ['A', 'NEW', null]);
  });

  it('covers an account that may change orders and not write the outbox', async (t) => {
    const database = await covered(t);
    const role = `legacy_${database.database}`;
    const client = await database.pool.connect();
    await client.query(`CREATE ROLE ${role}; GRANT INSERT, UPDATE ON orders TO ${role}`);
    try {
      await client.query(`SET ROLE ${role}`);
      await client.query("INSERT INTO orders VALUES ('A', 'NEW', 1)");
      await assert.rejects(client.query('SELECT * FROM order_outbox'), /permission denied/);
      await client.query('CREATE TEMP TABLE own (id text, status text, version bigint)');
      const attached = client.query(
        'CREATE TRIGGER forged AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION order_outbox_change()',
      );
      await assert.rejects(attached, /permission denied/);
    } finally {
      await client.query(`RESET ROLE; DROP TABLE IF EXISTS own; DROP OWNED BY ${role}; DROP ROLE ${role}`);
      client.release();
    }
    assert.equal((await events(database)).length, 1);
  });

  it('never fails a change that would have succeeded without it', async (t) => {
    const loose = 'ALTER TABLE orders ALTER status DROP NOT NULL, ALTER version DROP NOT NULL';
    const database = await covered(t, {}, loose);
    const long = 'x'.repeat(5_000);
    await database.pool.query(
      "INSERT INTO orders VALUES ('A', NULL, NULL), ('B', '', -1), ('C', $1, 1), ('', 'D', 1)",
      [long],
    );
    assert.deepEqual(
      (await events(database)).map(({ body }) => JSON.parse(body).status),
      ['NULL', 'NULL', long, 'D'],
    );
  });
});

describe('the SQL of the outbox', () => {
  it('may be run again with other options, and keeps what is in the outbox', async (t) => {
    const database = await covered(t);
    await database.pool.query("INSERT INTO orders VALUES ('A', 'NEW', 1)");
    await database.pool.query(outboxSql({ notify: false, orders: { ...orders, exchange: 'crm' } }));
    await database.pool.query("INSERT INTO orders VALUES ('B', 'NEW', 1)");
    const { rows } = await database.pool.query('SELECT exchange FROM order_outbox ORDER BY id');
    assert.deepEqual(rows, [{ exchange: 'mes' }, { exchange: 'crm' }]);
  });

  it('takes any names', async (t) => {
    const database = await testDatabase(t);
    const odd = `o"d'd; DROP TABLE x$body$`;
    await database.pool.query(
      `CREATE SCHEMA "s""1"; CREATE TABLE "s""1"."Or'ders" ("I d" bigint PRIMARY KEY, "sta""tus" text)`,
    );
    const columns = { orderId: 'I d', status: 'sta"tus' };
    const table = `s"1.Or'ders`;
    const text = { exchange: `e'"\\x`, routingKey: `k'"\\{status}` };
    await database.pool.query(outboxSql({ table: odd, orders: { table, columns, ...text } }));
    await database.pool.query(`INSERT INTO "s""1"."Or'ders" VALUES (9007199254740993, 'NEW')`);
    const { rows } = await database.pool.query(
      `SELECT order_id, exchange, routing_key FROM "${odd.replaceAll('"', '""')}"`,
    );
    assert.deepEqual(rows, [{ order_id: '9007199254740993', exchange: `e'"\\x`, routing_key: `k'"\\NEW` }]);
  });
});
