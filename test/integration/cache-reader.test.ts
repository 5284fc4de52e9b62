import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReader, LoadTimeout, type Reader } from '../../cache/reader.ts';
import { publishTtlTable, retireTtlTable } from '../../cache/ttl-table-redis.ts';
import { faultProxy, ownRedis } from '../servers/index.ts';
import { activeWorld, Database, listening, publishWhenBack, reading, shipped } from './cache-reader-world.ts';
import { cacheWorld, openCache, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';

test('the first read comes from the database and the second from the cache', async (t) => {
  const { reader, database } = await reading(t, await activeWorld(t));
  database.rows.set('A', shipped);
  assert.deepEqual(await reader.get('A'), { ...shipped, from: 'database' });
  assert.deepEqual(await reader.get('A'), { ...shipped, from: 'cache' });
  assert.equal(database.reads, 1);
});

test('a thousand callers miss one order at the same time: the database is read once', async (t) => {
  const { reader, database } = await reading(t, await activeWorld(t));
  database.rows.set('A', shipped);
  database.delayMs = 100;
  const orders = await Promise.all(Array.from({ length: 1000 }, () => reader.get('A')));
  assert.equal(database.reads, 1);
  assert.ok(orders.every((order) => order?.status === 'SHIPPED'));
});

test('two processes miss one order: the second waits for the first', async (t) => {
  const world = await activeWorld(t);
  const first = await reading(t, world);
  const { heard, hooks } = listening();
  const second = await reading(t, world, { hooks });
  await first.reader.get('other');
  await second.reader.get('other');
  const readsBefore = second.database.reads;
  first.database.rows.set('A', shipped);
  const release = first.database.hold();
  const loading = first.reader.get('A');
  await first.database.untilRead();
  const waiting = second.reader.get('A');
  await until('the second has missed', () => heard.includes('miss A'));
  await sleep(100);
  release();
  assert.deepEqual(await waiting, { ...shipped, from: 'cache' });
  await loading;
  assert.equal(second.database.reads, readsBefore);
});

test('the holder of a lease is dead: another process reads the database, and leaves the lease alone', async (t) => {
  const world = await activeWorld(t);
  await world.cache.lease('A', 60_000);
  const { reader, database } = await reading(t, world, { waitForOthersMs: 200 });
  database.rows.set('A', shipped);
  assert.deepEqual(await reader.get('A'), { ...shipped, from: 'database' });
  assert.deepEqual(Object.keys(await world.hash('A')), ['lease']);
});

test('an event is applied while a reader reads the database: the old row does not get into the cache', async (t) => {
  const world = await activeWorld(t);
  const fills: string[] = [];
  const hooks = { onFill: (_: string, outcome: string) => void fills.push(outcome) };
  const { reader, database } = await reading(t, world, { hooks });
  database.rows.set('A', shipped);
  const release = database.hold();
  const old = reader.get('A');
  await database.untilRead();
  await world.cache.apply('drop', [{ orderId: 'A', expected: null }]);
  release();
  assert.equal((await old)?.status, 'SHIPPED');
  assert.deepEqual(fills, ['fenced']);
  assert.deepEqual(await world.hash('A'), {});
});

test('an order that the database does not have is null, and without negative entries leaves nothing in the cache', async (t) => {
  const world = await cacheWorld(t);
  await publishTtlTable(world.connection, world.keyPrefix, { ...TABLE, absentSeconds: 0 });
  const { reader } = await reading(t, world);
  assert.equal(await reader.get('A'), null);
  assert.deepEqual(await world.hash('A'), {});
});

test('the error of the database reaches the caller as it is, and the next caller tries again', async (t) => {
  const world = await activeWorld(t);
  const error = new Error('remaining connection slots are reserved');
  let failing = true;
  const load = async () => {
    if (failing) throw error;
    return shipped;
  };
  const { reader } = await reading(t, world, { load });
  await assert.rejects(reader.get('A'), (thrown) => thrown === error);
  failing = false;
  assert.deepEqual(await reader.get('A'), { ...shipped, from: 'database' });
});

test('a database that does not answer costs a deadline, while hits are served', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world, { loadTimeoutMs: 200 });
  database.rows.set('A', shipped);
  await reader.get('A');
  database.delayMs = 60_000;
  const slow = assert.rejects(reader.get('B'), LoadTimeout);
  assert.equal((await reader.get('A'))?.from, 'cache');
  await slow;
  assert.deepEqual(await world.hash('B'), {}, 'the lease is given back');
});

test('without a TTL table everything comes from the database and nothing is kept', async (t) => {
  const world = await cacheWorld(t);
  const { reader, database } = await reading(t, world);
  database.rows.set('A', shipped);
  await reader.get('A');
  assert.equal((await reader.get('A'))?.from, 'database');
  assert.deepEqual(await world.hash('A'), {});
});

test('within five seconds of its retirement a policy’s records are no longer trusted', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  database.rows.set('A', shipped);
  await reader.get('A');
  assert.equal((await reader.get('A'))?.from, 'cache');
  await retireTtlTable(world.connection, world.keyPrefix, TABLE);
  const deadline = performance.now() + 5000;
  while ((await reader.get('A'))?.from === 'cache') {
    assert.ok(performance.now() < deadline, 'still trusted after 5 s');
    await sleep(50);
  }
});

test('an id that no event can have is read from the database and never becomes a key', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await reading(t, world);
  for (const orderId of ['', 'a b', 'a:b', '{a}', '*', 'x'.repeat(200)]) {
    database.rows.set(orderId, shipped);
    assert.equal((await reader.get(orderId))?.from, 'database');
    assert.equal((await reader.get(orderId))?.from, 'database');
  }
  const keys = await world.redis.keys(`${world.keyPrefix}*`);
  assert.deepEqual(keys, []);
});

test('Redis is killed and comes back empty: no read fails, few go to the database at a time, hits return', async (t) => {
  const server = await ownRedis(t);
  const world = await openCache(t, server.uri, 'order:');
  await publishTtlTable(world.connection, world.keyPrefix, TABLE);
  const { reader, database } = await reading(t, world, { maxConcurrentLoads: 4 });
  for (let i = 0; i < 50; i += 1) database.rows.set(`O${i}`, shipped);
  const readAll = () => Promise.all(Array.from({ length: 50 }, (_, i) => reader.get(`O${i}`)));
  await readAll();
  await server.kill();
  for (let round = 0; round < 5; round += 1) {
    const orders = await readAll();
    assert.ok(orders.every((order) => order?.from === 'database'));
  }
  assert.equal(database.mostBusy, 4);
  await server.start();
  await publishWhenBack(world);
  const allHit = async () => (await readAll()).every((order) => order?.from === 'cache');
  await until('hits return', allHit);
});

test('Redis swallows everything or is slow: reads are answered from the database in time, then from Redis again', async (t) => {
  const world = await activeWorld(t);
  const proxy = await faultProxy(t, world.uri);
  const { reader, database } = await reading(t, world, {
    redis: { uri: proxy.through(world.uri) },
    redisTimeoutMs: 200,
  });
  database.rows.set('A', shipped);
  await reader.get('A');
  for (const fault of [() => proxy.blackHole(), () => proxy.delay(10_000)]) {
    await fault();
    const times = await readFor(reader, 1500);
    assert.ok(Math.max(...times) < 5000, `the slowest read took ${Math.max(...times)} ms`);
    const quick = times.filter((time) => time < 200).length;
    assert.ok(quick > times.length / 2, 'most reads do not wait for Redis at all');
  }
  await proxy.pass();
  await until('hits return', async () => (await reader.get('A'))?.from === 'cache');
});

/** How long each read took, in milliseconds; each must succeed. */
async function readFor(reader: Reader, milliseconds: number): Promise<number[]> {
  const until = performance.now() + milliseconds;
  const times: number[] = [];
  while (performance.now() < until) {
    const startedAt = performance.now();
    assert.equal((await reader.get('A'))?.status, 'SHIPPED');
    times.push(performance.now() - startedAt);
    await sleep(10);
  }
  return times;
}

test('Redis is away when the reader starts: reads come from the database', async (t) => {
  const database = new Database();
  database.rows.set('A', shipped);
  const reader = createReader({ redis: { uri: 'redis://127.0.0.1:1' }, load: database.load });
  t.after(() => reader.close());
  assert.equal((await reader.get('A'))?.from, 'database');
});

test('a wrong option is refused with its name', () => {
  const redis = { uri: 'redis://127.0.0.1' };
  const load = async () => null;
  assert.throws(() => createReader({ redis, load, redisTimeoutMs: Number.NaN }), /redisTimeoutMs: expected/);
  assert.throws(() => createReader({ redis, load, loadTimeoutMs: 0 }), /loadTimeoutMs: expected/);
  assert.throws(() => createReader({ redis, load, keyPrefix: '' }), /keyPrefix: expected/);
});
