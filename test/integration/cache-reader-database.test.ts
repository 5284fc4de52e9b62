import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DatabaseUnavailable, LoadTimeout, type Reader, ReaderOverloaded } from '../../cache/reader.ts';
import { faultProxy, testDatabase } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { activeWorld, listening, reading, readingMany, shipped } from './cache-reader-world.ts';
import { until } from './worker-process.ts';

const ids = Array.from({ length: 60 }, (_, i) => `O${i}`);

const LOAD_TIMEOUT_MS = 1_500;

/** A reader of a real database, which can be cut off, and one cached order. */
async function withDatabase(scope: Scope, max: number) {
  const { uri, pool: owner } = await testDatabase(scope);
  const proxy = await faultProxy(scope, uri);
  await owner.query(
    `INSERT INTO orders (id, status, version) SELECT 'O' || n, 'SHIPPED', 3 FROM generate_series(0, 59) AS n`,
  );
  const connectionString = proxy.through(uri);
  const timeouts = { connectionTimeoutMillis: 1_300, query_timeout: 1_400 };
  const pool = new pg.Pool({ connectionString, max, ...timeouts });
  pool.on('error', () => {});
  scope.after(async () => {
    await pool.end();
  });
  const { heard, hooks } = listening();
  const columns = 'id, status, version::text AS version';
  const { reader } = await reading(scope, await activeWorld(scope), {
    hooks,
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    load: async (orderId) => {
      const { rows } = await pool.query(`SELECT ${columns} FROM orders WHERE id = $1`, [orderId]);
      return rows[0] ?? null;
    },
    loadMany: async (orderIds) => {
      const { rows } = await pool.query(`SELECT ${columns} FROM orders WHERE id = ANY($1)`, [orderIds]);
      return new Map(rows.map((row) => [row.id, row]));
    },
  });
  assert.equal((await reader.get('O0'))?.status, 'SHIPPED');
  return { reader, proxy, pool, heard };
}

type Proxy = Awaited<ReturnType<typeof faultProxy>>;

const faults: Record<string, (proxy: Proxy) => Promise<void>> = {
  'is down': async (proxy) => proxy.cut(),
  'swallows everything': async (proxy) => proxy.blackHole(),
  'takes seconds': async (proxy) => proxy.delay(10_000),
};

for (const [what, fault] of Object.entries(faults)) {
  test(`PostgreSQL ${what}: hits are served, misses soon fail at once and clearly, and within 5 s it is in use again`, async (t) => {
    const { reader, proxy, heard } = await withDatabase(t, 4);
    await fault(proxy);
    await Promise.all(ids.slice(1, 8).map((id) => assert.rejects(reader.get(id))));
    const startedAt = performance.now();
    const { orders, failures } = await reader.getMany(ids);
    assert.ok(performance.now() - startedAt < 2 * LOAD_TIMEOUT_MS, 'a probe at most');
    assert.equal(orders.get('O0')?.from, 'cache');
    assert.equal(failures.size, ids.length - 1);
    await until('a read fails at once', () => failsAtOnce(reader));
    assert.ok(heard.includes('breaker database open'));
    await proxy.pass();
    const back = performance.now();
    while ((await reader.getMany(ids)).failures.size > 0) {
      assert.ok(performance.now() - back < 5000, 'not in use after 5 s');
      await sleep(50);
    }
    assert.ok(heard.includes('breaker database closed'));
    assert.equal((await reader.get('O59'))?.from, 'cache');
  });
}

/** Between two probes there is time for a read that is refused without asking; its error says why. */
async function failsAtOnce(reader: Reader): Promise<boolean> {
  const startedAt = performance.now();
  const error = await reader.get('O10').catch((thrown: unknown) => thrown);
  if (!(error instanceof DatabaseUnavailable)) return false;
  assert.ok(error.cause instanceof Error);
  return performance.now() - startedAt < 50;
}

test('all connections of the pool are taken: misses fail in time, and work again when one is free', async (t) => {
  const { reader, pool } = await withDatabase(t, 1);
  const taken = await pool.connect();
  const startedAt = performance.now();
  const { orders, failures } = await reader.getMany(ids);
  assert.ok(performance.now() - startedAt < 4 * LOAD_TIMEOUT_MS);
  assert.equal(orders.get('O0')?.from, 'cache');
  assert.equal(failures.size, ids.length - 1);
  taken.release();
  assert.equal((await reader.getMany(ids)).failures.size, 0);
});

test('a statement that the database refuses does not make it look away: only its order fails', async (t) => {
  const { heard, hooks } = listening();
  const refused = Object.assign(new Error('invalid input syntax for type uuid: "x"'), { code: '22P02' });
  const load = async (orderId: string) => {
    if (orderId.startsWith('bad')) throw refused;
    return shipped;
  };
  const { reader } = await reading(t, await activeWorld(t), { hooks, load });
  for (let i = 0; i < 20; i += 1) await assert.rejects(reader.get(`bad${i}`), (error) => error === refused);
  assert.equal((await reader.get('good'))?.status, 'SHIPPED');
  assert.ok(!heard.includes('breaker database open'));
});

test('what counts as an outage may be decided by the application', async (t) => {
  const { reader, database } = await reading(t, await activeWorld(t), { isOutage: () => false });
  database.failure = new Error('no such host');
  for (let i = 0; i < 20; i += 1)
    await assert.rejects(reader.get(`O${i}`), (error) => error === database.failure);
});

test('one read of a batch that hangs costs its deadline', async (t) => {
  const { reader, database } = await readingMany(t, await activeWorld(t), { loadTimeoutMs: 200 });
  database.delayMs = 60_000;
  const { failures } = await reader.getMany(ids);
  assert.equal(failures.size, ids.length);
  assert.ok([...failures.values()].every((error) => error instanceof LoadTimeout));
});

test('more callers than may wait: the rest fail at once, and are counted', async (t) => {
  const { heard, hooks } = listening();
  const options = { hooks, maxConcurrentLoads: 1, maxWaitingLoads: 2 };
  const { reader, database } = await reading(t, await activeWorld(t), options);
  const release = database.hold();
  const asking = ids.slice(0, 10).map((id) => reader.get(id));
  const ended = Promise.allSettled(asking);
  await until('seven are refused', () => heard.filter((line) => line === 'overload').length >= 7);
  release();
  const ends = await ended;
  const refused = ends.filter((end) => end.status === 'rejected' && end.reason instanceof ReaderOverloaded);
  assert.equal(refused.length, 7);
  assert.equal(heard.filter((line) => line === 'overload').length, 7);
});
