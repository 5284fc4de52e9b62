import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeOrders } from '../../worker/orders-query.ts';
import { ordersStatements } from '../../worker/orders-statements.ts';
import type { ColumnType } from '../../worker/version-column.ts';
import type { WriteOrder } from '../../worker/write-order.ts';

const database = { table: 'shop.orders', columns: { orderId: 'id', status: 'st"atus', version: 'version' } };

const type = (oid: number, modifier = -1, name = 'text'): ColumnType => ({ oid, modifier, name });
const BIGINT = type(20);

function statements(types: { orderId?: ColumnType; version?: ColumnType }, order?: WriteOrder) {
  const columns = { orderId: BIGINT, status: type(25), version: BIGINT, ...types };
  return ordersStatements(database, columns, order);
}

function usable(types: { orderId?: ColumnType; version?: ColumnType }, order?: WriteOrder) {
  const result = statements(types, order);
  assert.ok(result.kind === 'Statements');
  return result;
}

test('identifiers are quoted, and ids are compared in the type of the column', () => {
  assert.equal(describeOrders(database), 'SELECT "id", "st""atus", "version" FROM "shop"."orders" LIMIT 0');
  assert.equal(
    usable({}).read.text,
    'SELECT "id"::text, "st""atus"::text, "version"::text FROM "shop"."orders" WHERE "id" = ANY($1::bigint[])',
  );
  assert.equal(usable({ orderId: type(99999) }).indexed, false);
});

test('an id that the column cannot hold is no row, and not an error of the whole statement', () => {
  const { holds } = usable({});
  const fit = ['0', '7', '9223372036854775807', '-9223372036854775808'];
  const unfit = ['', 'a', '007', '1.0', '1e3', '-0', '9223372036854775808', '99999999999999999999', ' 1'];
  assert.deepEqual(fit.filter(holds), fit);
  assert.deepEqual(unfit.filter(holds), []);
  const uuid = usable({ orderId: type(2950) }).holds;
  assert.equal(uuid('7f5f0f6e-55a5-4b5e-9d6c-0f5a3c1b2d3e'), true);
  assert.equal(uuid('7f5f0f6e'), false);
});

/** numeric(precision, scale), as the catalog writes it. */
const numeric = (precision: number, scale: number) => type(1700, ((precision << 16) | (scale & 0x7ff)) + 4);

test('versions are whole numbers, or times with a zone; whatever else is refused by name', () => {
  const accepted = [type(20), type(21), type(23), type(1700), numeric(64, 0), type(1184), type(1184, 3)];
  for (const version of accepted) assert.equal(statements({ version }).kind, 'Statements');
  const refused = [type(25), type(701), type(1114), type(1082), numeric(20, 3), numeric(20, -3)];
  for (const { oid, modifier } of refused) {
    const result = statements({ version: type(oid, modifier, 'that type') });
    assert.ok(result.kind === 'Refused');
    assert.match(result.reason, /^database\.columns\.version: expected .*, got that type$/);
  }
});

test('a time that is rounded cannot be written: two changes would become one version', () => {
  assert.equal(statements({ version: type(1184, 3) }, 'Timestamp').kind, 'Refused');
  assert.equal(statements({ version: type(1184, 6) }, 'Timestamp').kind, 'Statements');
});

test('statements that differ have different names, and initiators’ rows are never written', () => {
  const all = [usable({}), usable({ version: type(1184) }), usable({}, 'Version'), usable({}, 'Timestamp')];
  const texts = all.flatMap(({ read, write }) => [read, write?.wait, write?.skip]);
  const names = new Map(texts.map((each) => [each?.name, each?.text]));
  assert.equal(names.size, new Set(texts.map((each) => each?.text)).size);
  assert.equal(usable({}).write, undefined);
});
