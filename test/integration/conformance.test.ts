import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { encodeTtlTable } from '../../cache/ttl-table.ts';
import { conformance } from '../conformance/conformance.ts';
import { ROOT } from '../fixtures/docs-pages.ts';
import { installPython, installRedisPy, ownRedis } from '../servers/index.ts';
import { TABLE } from './cache-world.ts';

/** Readers under the documented rights (docs/other-languages.md): those of this repository pass, spoilt ones do not. */

const READERS = `${ROOT}/test/conformance/readers`;

async function faults(t: TestContext, command: string, only = ''): Promise<string[]> {
  const findings = await conformance(t, { command, only });
  assert.ok(findings.length > 0);
  return findings.flatMap(({ check, fault }) => (fault === undefined ? [] : [`${check}: ${fault}`]));
}

test('the reader of this package passes', async (t) => {
  const command = `'${process.execPath}' --no-warnings '${READERS}/typescript.ts'`;
  assert.deepEqual(await faults(t, command), []);
});

test('the reader in Python that was written from docs/protocol.md passes', async (t) => {
  const python = await installPython();
  assert.deepEqual(await faults(t, `'${python}' '${ROOT}/test/reader-python/main.py'`), []);
});

test('the stateless reader with redis-py, which sends SCRIPT LOAD, passes', async (t) => {
  assert.deepEqual(await faults(t, `'${await installRedisPy()}' '${READERS}/stateless.py' 2>/dev/null`), []);
});

/** Each with a check that must find it. */
const SPOILT: Readonly<Record<string, string>> = {
  'ignores-table': 'table that is Retired',
  'fills-without-lease': 'fill after an event',
  'leases-after-read': 'lease comes before',
  'needs-redis': 'Redis away',
  'fixed-ttl': 'times to live differ',
  'loads-scripts-once': 'SCRIPT FLUSH',
};

for (const [fault, only] of Object.entries(SPOILT))
  test(`a reader that ${fault.replaceAll('-', ' ')} fails`, async (t) => {
    const command = `'${await installRedisPy()}' '${READERS}/stateless.py' --fault=${fault} 2>/dev/null`;
    assert.equal((await faults(t, command, only)).length, 1);
  });

test('a reader that leaves the check of its lease out fails', async (t) => {
  const command = `'${await installPython()}' '${ROOT}/test/reader-python/main.py' --without-lease-check`;
  assert.equal((await faults(t, command, 'fill after')).length, 2);
});

test('a command that is no reader fails every check', async (t) => {
  assert.equal((await faults(t, 'true', 'a record is a hit')).length, 1);
});

test('the stateless reader in shell shows what is cached, and else says that the database must be asked', async (t) => {
  const { uri } = await ownRedis(t);
  const redis = new Redis(uri);
  redis.on('error', () => {});
  t.after(() => redis.disconnect());
  const read = (orderId: string, at = uri) => {
    const env = { PATH: process.env.PATH ?? '', REDIS_URI: at, KEY_PREFIX: 'order:' };
    const ran = spawnSync(`${ROOT}/docs/examples/order-status.sh`, [orderId], { encoding: 'utf8', env });
    return ran.status === 0 ? ran.stdout.trim() : `database ${ran.stdout}`.trim();
  };
  await redis.hset('order:A', { status: 'in Prüfung' });
  await redis.hset('order:B', { lease: 'token' });
  await redis.set('order:C', 'text');
  assert.equal(read('A'), 'database', 'there is no table');
  const table = (state: 'Active' | 'Retired') =>
    redis.set('ordercache:ttl:order:', encodeTtlTable({ ...TABLE, state }));
  await table('Active');
  assert.deepEqual(
    ['A', 'B', 'C', 'D', 'a b', 'A\nB', ''].map((id) => read(id)),
    ['in Prüfung', ...Array(6).fill('database')],
  );
  await table('Retired');
  assert.equal(read('A'), 'database');
  assert.equal(read('A', 'redis://127.0.0.1:1'), 'database', 'Redis is away');
  execFileSync('sh', ['-n', `${ROOT}/docs/examples/order-status.sh`]);
});
