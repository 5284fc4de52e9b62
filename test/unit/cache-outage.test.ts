import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDatabaseOutage } from '../../cache/outage.ts';

const withCode = (code: unknown) => Object.assign(new Error('of a database client'), { code });

for (const code of [
  'ECONNREFUSED',
  'ETIMEDOUT',
  '08006',
  '57P01',
  '57014',
  '53300',
  '55P03',
  '28P01',
  'XX000',
]) {
  test(`${code} means that the database is away`, () => assert.ok(isDatabaseOutage(withCode(code))));
}
for (const code of ['22P02', '22021', '22003', '42P01', '42703', '42501']) {
  test(`${code} is the fault of one statement`, () => assert.ok(!isDatabaseOutage(withCode(code))));
}
for (const error of [new Error('Connection terminated'), withCode(22), 'a text', null, undefined]) {
  test(`${String(error)}, without a code that is known, means that the database is away`, () => {
    assert.ok(isDatabaseOutage(error));
  });
}
