import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { databaseCredentials } from '../../worker/credentials.ts';
import { DatabaseUnavailable } from '../../worker/database-failure.ts';
import { OrdersTable } from '../../worker/orders-table.ts';
import { type TestDatabase, testDatabase } from '../servers/index.ts';

const columns = { orderId: 'id', status: 'status', version: 'version' };

function ordersTable(
  t: { after(cleanup: () => Promise<void>): void },
  uri: string,
  table: string,
): OrdersTable {
  const orders = new OrdersTable(databaseCredentials({ uri }), { table, columns }, pino({ level: 'silent' }));
  t.after(() => orders.close());
  return orders;
}

const create = (database: TestDatabase, table: string, type: string) =>
  database.pool.query(`CREATE TABLE ${table} (id ${type} PRIMARY KEY, status text, version bigint)`);

for (const [type, id, strangers] of [
  ['bigint', '42', ['order-1', '042', '9223372036854775808']],
  ['integer', '42', ['order-1', '9223372036854775807']],
  ['text', 'order-1', ['42']],
  ['varchar(40)', 'order-1', ['42']],
  ['uuid', '7f5f0f6e-55a5-4b5e-9d6c-0f5a3c1b2d3e', ['order-1']],
  ['numeric', '42', ['order-1']],
] as const) {
  test(`rows with ids of type ${type} are found, and ids that it cannot hold have none`, async (t) => {
    const database = await testDatabase(t);
    await create(database, 'things', type);
    await database.pool.query(`INSERT INTO things VALUES ('${id}', 'PAID', 9007199254740993)`);
    const rows = await ordersTable(t, database.uri, 'public.things').read([id, ...strangers]);
    assert.deepEqual([...rows], [[id, { status: 'PAID', version: '9007199254740993' }]]);
  });
}

test('whatever the database refuses is an outage that names the cause and no secret', async (t) => {
  const database = await testDatabase(t);
  const wrong = new URL(database.uri);
  wrong.password = 's3cret';
  const cases: [string, string, RegExp][] = [
    [database.uri, 'missing', /42P01: .*missing/],
    [database.uri.replace(/:\d+\//, ':1/'), 'orders', /ECONNREFUSED/],
    [wrong.href, 'orders', /28P01|28000/],
  ];
  for (const [uri, table, expected] of cases) {
    await assert.rejects(ordersTable(t, uri, table).read(['a']), (error: Error) => {
      assert.ok(error instanceof DatabaseUnavailable);
      assert.match(error.message, expected);
      return !error.message.includes('s3cret');
    });
  }
});

test('a table that appears later is found without a restart', async (t) => {
  const database = await testDatabase(t);
  const orders = ordersTable(t, database.uri, 'late');
  await assert.rejects(orders.probe(), DatabaseUnavailable);
  await create(database, 'late', 'bigint');
  await orders.probe();
  assert.equal((await orders.read(['1'])).size, 0);
});
