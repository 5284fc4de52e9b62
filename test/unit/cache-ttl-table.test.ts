import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeTtlTable, encodeTtlTable, type TtlTable, ttlMilliseconds } from '../../cache/ttl-table.ts';

const table: TtlTable = {
  state: 'Active',
  owner: 'default/shop/orders',
  uid: 'a-uid',
  revision: 3,
  defaultSeconds: 3600,
  jitterPercent: 10,
  absentSeconds: 5,
  statuses: { DELIVERED: 600, IN_PRODUCTION: 7200 },
  versionSource: 'orders.version',
};

test('a table comes back as it was written', () => {
  assert.deepEqual({ ...decodeTtlTable(encodeTtlTable(table)), statuses: { ...table.statuses } }, table);
  const withoutDatabase = { ...table, versionSource: null };
  assert.equal(decodeTtlTable(encodeTtlTable(withoutDatabase))?.versionSource, null);
});

test('a table of an operator that knew no negative entries has none', () => {
  const { absentSeconds: _, ...older } = table;
  assert.equal(decodeTtlTable(JSON.stringify(older))?.absentSeconds, 0);
});

test('the same statuses in another order give the same text', () => {
  const reordered = { ...table, statuses: { IN_PRODUCTION: 7200, DELIVERED: 600 } };
  assert.equal(encodeTtlTable(reordered), encodeTtlTable(table));
});

const broken: readonly [string, Record<string, unknown>][] = [
  ['an unknown state', { state: 'Paused' }],
  ['a revision that is no whole number', { revision: 1.5 }],
  ['a default of zero', { defaultSeconds: 0 }],
  ['a default as text', { defaultSeconds: '3600' }],
  ['jitter above 50 %', { jitterPercent: 51 }],
  ['a status that lives for no time', { statuses: { NEW: 0 } }],
  ['statuses as a list', { statuses: [] }],
  ['no owner', { owner: undefined }],
  ['an absence that lasts for a part of a second', { absentSeconds: 0.5 }],
  ['an absence as text', { absentSeconds: '5' }],
  ['a source that is a number', { versionSource: 1 }],
];
for (const [what, change] of broken) {
  test(`a table with ${what} is as good as none`, () => {
    assert.equal(decodeTtlTable(JSON.stringify({ ...table, ...change })), null);
  });
}

for (const text of ['', 'null', '[]', '"Active"', '{', '{}']) {
  test(`the text ${JSON.stringify(text)} is no table`, () => {
    assert.equal(decodeTtlTable(text), null);
  });
}

test('a record lives between nine tenths and the whole of what its status declares, never longer', () => {
  const random01 = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(random01, (random) => {
      const milliseconds = ttlMilliseconds(table, 'DELIVERED', random);
      assert.ok(Number.isInteger(milliseconds) && milliseconds >= 540_000 && milliseconds <= 600_000);
    }),
  );
  assert.equal(ttlMilliseconds(table, 'DELIVERED', 0), 600_000);
  assert.equal(ttlMilliseconds(table, 'DELIVERED', 1), 540_000);
});

test('an unlisted status lives for the default, also one with the name of an object property', () => {
  assert.equal(ttlMilliseconds(table, 'NEW', 0), 3_600_000);
  assert.equal(ttlMilliseconds(table, 'constructor', 0), 3_600_000);
  assert.equal(ttlMilliseconds(table, '__proto__', 0), 3_600_000);
});

test('a status named __proto__ may have a time of its own', () => {
  const odd = { ...table, statuses: JSON.parse('{"__proto__": 60}') };
  const decoded = decodeTtlTable(encodeTtlTable(odd));
  assert.ok(decoded);
  assert.equal(ttlMilliseconds(decoded, '__proto__', 0), 60_000);
});
