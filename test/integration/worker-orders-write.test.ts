import assert from 'node:assert/strict';
import { test } from 'node:test';
import type pg from 'pg';
import { pino } from 'pino';
import { databaseCredentials } from '../../worker/credentials.ts';
import { DatabaseUnavailable, RowRefused } from '../../worker/database-failure.ts';
import { type OrdersColumns, ordersStatements } from '../../worker/orders-statements.ts';
import { OrdersTable } from '../../worker/orders-table.ts';
import type { Change, WriteOrder } from '../../worker/write-order.ts';
import { fence, read, section } from '../fixtures/docs-pages.ts';
import { type Scope, type TestDatabase, testDatabase } from '../servers/index.ts';
import { uniqueName } from '../servers/scope.ts';
import { until } from './worker-process.ts';

const settings = { table: 'changes', columns: { orderId: 'id', status: 'status', version: 'version' } };

interface Situation {
  readonly database: TestDatabase;
  readonly orders: OrdersTable;
  /** All rows, as id, status and version, ordered by id. */
  rows(): Promise<string[]>;
}

interface Columns {
  readonly id?: string;
  readonly status?: string;
  readonly version?: string;
}

async function situation(t: Scope, order: WriteOrder | undefined, columns: Columns = {}): Promise<Situation> {
  const database = await testDatabase(t);
  const { id = 'text', status = 'text', version = 'bigint' } = columns;
  await database.pool.query(
    `CREATE TABLE changes (id ${id} PRIMARY KEY, status ${status}, version ${version}, note text DEFAULT 'kept')`,
  );
  const rows = async () => {
    const { rows: all } = await database.pool.query<{ id: string; status: string; version: string }>(
      `SELECT id::text, status::text, version::text FROM changes ORDER BY id`,
    );
    return all.map((row) => `${row.id} ${row.status} ${row.version}`);
  };
  return { database, orders: table(t, database.uri, order), rows };
}

function table(t: Scope, uri: string, order: WriteOrder | undefined): OrdersTable {
  const orders = new OrdersTable(databaseCredentials({ uri }), settings, pino({ level: 'silent' }), order);
  t.after(() => orders.close());
  return orders;
}

const change = (orderId: string, version: string, status = 'SENT'): Change => ({ orderId, status, version });
const found = (rows: ReadonlyMap<string, { status: string; version: string | null }>) =>
  [...rows].map(([id, { status, version }]) => `${id} ${status} ${version}`).sort();

test('a row is written by a newer version only, and what is told is the row as it is then', async (t) => {
  const { database, orders, rows } = await situation(t, 'Version');
  await database.pool.query(
    `INSERT INTO changes VALUES ('equal', 'PAID', 5), ('none', 'PAID', NULL), ('older', 'PAID', 4), ('newer', 'PAID', 6)`,
  );
  const changes = ['equal', 'none', 'older', 'newer', 'missing'].map((id) => change(id, '5'));
  const expected = ['equal PAID 5', 'newer PAID 6', 'none SENT 5', 'older SENT 5'];
  assert.deepEqual(found(await orders.write(changes)), expected);
  assert.deepEqual(await rows(), expected);
  assert.deepEqual(found(await orders.write(changes)), expected);
  const { rows: notes } = await database.pool.query(`SELECT DISTINCT note FROM changes`);
  assert.deepEqual(notes, [{ note: 'kept' }]);
});

const HUGE = '9'.repeat(60);
for (const [version, older, newer, written] of [
  ['bigint', '9007199254740992', '9007199254740993', '9007199254740993'],
  ['numeric', HUGE, `1${HUGE}`, `1${HUGE}`],
  ['numeric(64)', HUGE, `1${HUGE}`, `1${HUGE}`],
  ['timestamptz', '1795341600000122', '1795341600000123', '2026-11-22 10:00:00.000123+00'],
] as const) {
  test(`versions in a column of type ${version} lose nothing on the way there and back`, async (t) => {
    const { database, orders, rows } = await situation(t, 'Version', { version });
    await database.pool.query(`SET timezone TO 'UTC'; INSERT INTO changes VALUES ('a', 'PAID')`);
    await database.pool.query(`ALTER DATABASE ${database.database} SET timezone TO 'Australia/Lord_Howe'`);
    for (const [sent, status] of [
      [older, 'SENT'],
      [newer, 'DONE'],
      [older, 'LATE'],
    ] as const) {
      await orders.write([change('a', sent, status)]);
    }
    assert.deepEqual(found(await orders.read(['a'])), [`a DONE ${newer}`]);
    await database.pool.query(`SET timezone TO 'UTC'`);
    if (version !== 'timestamptz') assert.deepEqual(await rows(), [`a DONE ${written}`]);
    else {
      const equal = await database.pool.query('SELECT FROM changes WHERE version = $1::timestamptz', [
        written,
      ]);
      assert.equal(equal.rowCount, 1);
    }
  });
}

test('times are microseconds since 1970 on either side of it, and infinity is no version', async (t) => {
  const { database, orders } = await situation(t, undefined, { version: 'timestamptz' });
  await database.pool.query(`INSERT INTO changes VALUES
    ('a', 'PAID', '2026-11-22T12:34:56.654321+02'), ('b', 'PAID', '1969-12-31T23:59:59.999999Z'),
    ('c', 'PAID', 'infinity'), ('d', 'PAID', '-infinity'), ('e', 'PAID', '2099-12-31T23:59:59.999999Z'),
    ('f', 'PAID', '294276-12-31T00:00:00Z'), ('g', 'PAID', NULL)`);
  assert.deepEqual(found(await orders.read(['a', 'b', 'c', 'd', 'e', 'f', 'g'])), [
    'a PAID 1795343696654321',
    'b PAID -1',
    'c PAID null',
    'd PAID null',
    'e PAID 4102444799999999',
    'f PAID null',
    'g PAID null',
  ]);
});

for (const [version, order] of [
  ['timestamp', undefined],
  ['text', undefined],
  ['double precision', undefined],
  ['numeric(20,3)', undefined],
  ['timestamptz(3)', 'Timestamp'],
] as const) {
  test(`a version column of type ${version} is refused by name, until it is another one`, async (t) => {
    const { database, orders } = await situation(t, order, { version });
    await assert.rejects(orders.probe(), (error: Error) => {
      assert.ok(error instanceof DatabaseUnavailable);
      return /^database\.columns\.version: expected .*, got (time|text|double|numeric\(20,3\))/.test(
        error.message,
      );
    });
    await database.pool.query('ALTER TABLE changes ALTER version TYPE timestamptz USING now()');
    await orders.probe();
  });
}

test('at the same time the greater status wins, by its bytes, whatever came first', async (t) => {
  const { database, orders, rows } = await situation(t, 'Timestamp', { version: 'timestamptz' });
  await database.pool.query(`INSERT INTO changes VALUES ('a', 'PAID', 'epoch'), ('b', 'PAID', 'epoch')`);
  const status = { a: ['NEW', 'SENT', 'b', 'PAID'], b: ['b', 'SENT', 'NEW', 'PAID'] };
  for (const [id, statuses] of Object.entries(status)) {
    for (const each of statuses) await orders.write([change(id, '1795341600000000', each)]);
  }
  assert.deepEqual(
    (await rows()).map((row) => row.split(' ').slice(0, 2)),
    [
      ['a', 'b'],
      ['b', 'b'],
    ],
  );
  const plain = await situation(t, 'Version');
  await plain.database.pool.query(`INSERT INTO changes VALUES ('a', 'PAID', 5)`);
  assert.deepEqual(found(await plain.orders.write([change('a', '5', 'SENT')])), ['a PAID 5']);
});

test('a row that the database refuses is the event’s fault, names its code only, and leaves all as it was', async (t) => {
  const status = `varchar(10) CHECK (status <> 'FORBIDDEN')`;
  const { database, orders, rows } = await situation(t, 'Version', { status, version: 'integer' });
  await database.pool.query(`INSERT INTO changes VALUES ('a', 'PAID', 1), ('b', 'PAID', 1)`);
  const cases: [Change, RegExp][] = [
    [change('b', '2', 'FORBIDDEN'), /23514$/],
    [change('b', '2', 'x'.repeat(11)), /22001$/],
    [change('b', '9'.repeat(64)), /22003$/],
  ];
  for (const [bad, code] of cases) {
    await assert.rejects(orders.write([change('a', '2'), bad]), (error: Error) => {
      assert.ok(error instanceof RowRefused);
      assert.doesNotMatch(error.message, /FORBIDDEN|xxx|999/);
      return code.test(error.message);
    });
  }
  assert.deepEqual(await rows(), ['a PAID 1', 'b PAID 1']);
});

test('a status column may be an enumeration, and ids may be numbers', async (t) => {
  const { database, orders, rows } = await situation(t, 'Timestamp', { id: 'bigint' });
  await database.pool.query(`CREATE TYPE "order status" AS ENUM ('SENT', 'PAID');
    ALTER TABLE changes ALTER status TYPE "order status" USING NULL; INSERT INTO changes VALUES (7, 'PAID', 5)`);
  const written = await orders.write([change('7', '6', 'SENT'), change('abc', '6'), change('007', '6')]);
  assert.deepEqual(found(written), ['7 SENT 6']);
  assert.deepEqual(await rows(), ['7 SENT 6']);
  await assert.rejects(orders.write([change('7', '8', 'LOST')]), RowRefused);
});

test('without the right to update the two columns a worker pauses with the cause; with no more than it, it writes', async (t) => {
  const { database, rows } = await situation(t, 'Version');
  const told = fence(section(read('docs/rights.md'), 'PostgreSQL'), 'sql');
  const role = uniqueName();
  const admin = database.pool;
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT SELECT ON changes TO ${role}`);
  await admin.query(`INSERT INTO changes VALUES ('a', 'PAID', 1)`);
  const uri = new URL(database.uri);
  [uri.username, uri.password] = [role, 'x'];
  const orders = table({ after: () => undefined }, uri.href, 'Version');
  try {
    await assert.rejects(orders.probe(), /42501: permission denied/);
    await admin.query(told.replace('orders', 'changes').replace('order_cache_workers', role));
    await orders.probe();
    await orders.write([change('a', '2')]);
    assert.deepEqual(await rows(), ['a SENT 2']);
  } finally {
    await orders.close();
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

test('a row that somebody keeps locked is left out, and the others are written', async (t) => {
  const { database, orders, rows } = await situation(t, 'Version');
  await database.pool.query(
    `INSERT INTO changes VALUES ('a', 'PAID', 1), ('b', 'PAID', 1), ('c', 'PAID', 1)`,
  );
  const holder = await database.pool.connect();
  await holder.query(`BEGIN; UPDATE changes SET note = 'mine' WHERE id = 'b'`);
  const changes = ['a', 'b', 'c'].map((id) => change(id, '2'));
  assert.deepEqual(found(await orders.write(changes)), ['a SENT 2', 'c SENT 2']);
  await holder.query('COMMIT');
  holder.release();
  assert.deepEqual(found(await orders.write(changes)), ['a SENT 2', 'b SENT 2', 'c SENT 2']);
  assert.deepEqual(await rows(), ['a SENT 2', 'b SENT 2', 'c SENT 2']);
});

const COLUMNS: OrdersColumns = {
  orderId: { oid: 25, modifier: -1, name: 'text' },
  status: { oid: 25, modifier: -1, name: 'text' },
  version: { oid: 20, modifier: -1, name: 'bigint' },
};

/** The statement that workers run, or one without a part of it. */
function statement(order: WriteOrder, part = '', instead = ''): string {
  const statements = ordersStatements(settings, COLUMNS, order);
  assert.ok(statements.kind === 'Statements' && statements.write !== undefined);
  const { text } = statements.write.wait;
  assert.ok(text.includes(part));
  return text.replace(part, instead);
}

const run = (client: pg.Pool | pg.PoolClient, text: string, changes: readonly Change[]) =>
  client.query(text, [
    changes.map(({ orderId }) => orderId),
    changes.map(({ status }) => status),
    changes.map(({ version }) => version),
  ]);

/** Resolves when so many statements wait for a lock. */
async function untilWaiting({ pool }: TestDatabase, count: number): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await until(`${count} wait for a lock`, async () => (await pool.query(waiting)).rowCount === count);
}

/** The two rows' last state when the newer event is committed while the older one waits for the row. */
async function olderWaits(t: Scope, text: string): Promise<string[]> {
  const { database, rows } = await situation(t, 'Version');
  await database.pool.query(`INSERT INTO changes VALUES ('a', 'NEW', 1)`);
  const newer = await database.pool.connect();
  await newer.query('BEGIN');
  await run(newer, text, [change('a', '3', 'SENT')]);
  const older = run(database.pool, text, [change('a', '2', 'PAID')]);
  await untilWaiting(database, 1);
  await newer.query('COMMIT');
  newer.release();
  await older;
  return rows();
}

test('the guard sees the row as it is when its lock is got, and without the guard the older event wins', async (t) => {
  const guard = ' AND (o."version" IS NULL OR o."version" < held.version)';
  assert.deepEqual(await olderWaits(t, statement('Version')), ['a SENT 3']);
  assert.deepEqual(await olderWaits(t, statement('Version', guard)), ['a PAID 2']);
});

test('without the tie-break, of two events at one time the one that came first stays', async (t) => {
  const tie = `(o."version", coalesce(o."status"::text, '') COLLATE "C") < (held.version, held.status COLLATE "C")`;
  const lastOf = async (text: string, statuses: string[]) => {
    const { database, rows } = await situation(t, 'Timestamp');
    await database.pool.query(`INSERT INTO changes VALUES ('a', 'NEW', 1)`);
    for (const status of statuses) await run(database.pool, text, [change('a', '5', status)]);
    return rows();
  };
  for (const statuses of [
    ['PAID', 'SENT'],
    ['SENT', 'PAID'],
  ]) {
    assert.deepEqual(await lastOf(statement('Timestamp'), statuses), ['a SENT 5']);
    const broken = statement('Timestamp', tie, 'o."version" < held.version');
    assert.deepEqual(await lastOf(broken, statuses), [`a ${statuses[0]} 5`]);
  }
});

/** Two statements over the same rows in opposite order, each stopped half way; the error of the one that fails. */
async function crossing(t: Scope, text: string): Promise<string | undefined> {
  const { database } = await situation(t, 'Version');
  const { pool } = database;
  await pool.query(`INSERT INTO changes SELECT id, 'NEW', 1 FROM unnest('{a,b,x,y}'::text[]) AS id`);
  const [holder, one, two] = [await pool.connect(), await pool.connect(), await pool.connect()];
  const inGivenOrder = 'SET enable_hashjoin TO off; SET enable_mergejoin TO off; SET enable_seqscan TO off';
  for (const client of [one, two]) await client.query(inGivenOrder);
  await holder.query(`BEGIN; SELECT FROM changes WHERE id IN ('x', 'y') FOR UPDATE`);
  const changes = (...ids: string[]) => ids.map((id) => change(id, '2'));
  const both = Promise.allSettled([
    run(one, text, changes('a', 'x', 'b')),
    run(two, text, changes('b', 'y', 'a')),
  ]);
  await untilWaiting(database, 2);
  await holder.query('COMMIT');
  const results = await both;
  for (const client of [holder, one, two]) client.release(true);
  const failed = results.find((result) => result.status === 'rejected');
  return failed === undefined ? undefined : String((failed.reason as { code?: unknown }).code);
}

test('two workers over the same orders do not wait for each other, which they do without the order of ids', async (t) => {
  assert.equal(await crossing(t, statement('Version')), undefined);
  assert.equal(await crossing(t, statement('Version', 'ORDER BY o."id"')), '40P01');
});

for (const [what, raise] of [
  ['a code of its own', `RAISE EXCEPTION 'order % may not be lost', NEW.id USING ERRCODE = 'OC001'`],
  ['no code', `RAISE EXCEPTION 'order % may not be lost', NEW.id`],
  ['a failed assertion', `ASSERT false, 'may not be lost'`],
] as const) {
  test(`a trigger that refuses a row with ${what} is no outage`, async (t) => {
    const { database, orders, rows } = await situation(t, 'Version');
    await database.pool.query(
      `INSERT INTO changes VALUES ('a', 'PAID', 1);
       CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN IF NEW.status = 'LOST' THEN ${raise}; END IF; RETURN NEW; END $$;
       CREATE TRIGGER refuse BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION refuse()`,
    );
    await assert.rejects(orders.write([change('a', '2', 'LOST')]), RowRefused);
    assert.deepEqual(await rows(), ['a PAID 1']);
  });
}
