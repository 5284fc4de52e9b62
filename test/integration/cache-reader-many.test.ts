import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReader } from '../../cache/reader.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { faultProxy, ownRedis } from '../servers/index.ts';
import {
  activeWorld,
  Database,
  listening,
  publishWhenBack,
  reading,
  readingMany,
  shipped,
} from './cache-reader-world.ts';
import { cacheWorld, openCache, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';

const ids = (count: number) => Array.from({ length: count }, (_, i) => `O${i}`);

function fill(database: Database, orderIds: readonly string[]): void {
  for (const orderId of orderIds) database.rows.set(orderId, shipped);
}

test('many orders, of which some are cached: one statement reads the others, and then all are cached', async (t) => {
  const { heard, hooks } = listening();
  const { reader, database } = await readingMany(t, await activeWorld(t), { hooks });
  fill(database, ids(10));
  await reader.get('O3');
  heard.length = 0;
  const first = await reader.getMany([...ids(10), 'none', 'O1']);
  assert.deepEqual([...first.orders.keys()], [...ids(10), 'none'], 'each id once, in its order');
  assert.equal(first.orders.get('O3')?.from, 'cache');
  assert.deepEqual(first.orders.get('O4'), { ...shipped, from: 'database' });
  assert.equal(first.orders.get('none'), null);
  assert.equal(first.failures.size, 0);
  assert.deepEqual(database.batches, [[...ids(10).filter((id) => id !== 'O3'), 'none']]);
  assert.equal(database.reads, 1, 'load only for the first get');
  assert.equal(heard.filter((line) => line.startsWith('miss')).length, 10);
  assert.deepEqual(
    heard.filter((line) => /^(load|hit)/.test(line)),
    ['hit O3', 'load many 10 rows'],
  );
  assert.equal(heard.filter((line) => /^fill .* filled$/.test(line)).length, 9);
  assert.ok(heard.includes('fill none filledAbsent'));

  const second = await reader.getMany([...ids(10), 'none']);
  assert.ok(ids(10).every((id) => second.orders.get(id)?.from === 'cache'));
  assert.equal(second.orders.get('none'), null);
  assert.equal(database.batches.length, 1);
  assert.deepEqual(await reader.getMany([]), { orders: new Map(), failures: new Map() });
});

test('without loadMany the missing orders are loaded one by one, so many at a time, and fill nobody’s line', async (t) => {
  const options = { maxConcurrentLoads: 4, maxWaitingLoads: 1 };
  const { reader, database } = await reading(t, await activeWorld(t), options);
  fill(database, ids(200));
  const many = reader.getMany(ids(200));
  assert.equal((await reader.get('O199'))?.status, 'SHIPPED');
  const { orders, failures } = await many;
  assert.equal(failures.size, 0);
  assert.equal(orders.size, 200);
  assert.equal(database.mostBusy, 4);
  assert.ok(database.reads <= 200);
});

test('a thousand callers, alone and in batches, miss one order at the same time: the database is read once', async (t) => {
  const { reader, database } = await readingMany(t, await activeWorld(t));
  fill(database, ['A']);
  database.delayMs = 100;
  const callers = Array.from({ length: 1000 }, async (_, i) =>
    i % 2 === 0 ? reader.get('A') : (await reader.getMany(['A'])).orders.get('A'),
  );
  const orders = await Promise.all(callers);
  assert.ok(orders.every((order) => order?.status === 'SHIPPED'));
  assert.equal(database.reads + database.batches.length, 1);
});

test('another process is loading some of the orders: the others are read at once, those when it is done', async (t) => {
  const world = await activeWorld(t);
  const first = await readingMany(t, world);
  const { heard, hooks } = listening();
  const second = await readingMany(t, world, { hooks });
  await Promise.all([first.reader.get('x'), second.reader.get('x')]);
  fill(first.database, ids(20));
  fill(second.database, ids(40));
  const release = first.database.hold();
  const loading = first.reader.getMany(ids(20));
  await first.database.untilRead();
  const asking = second.reader.getMany(ids(40));
  await until('the second has read what nobody loads', () => heard.includes('load many 20 rows'));
  release();
  const { orders } = await asking;
  assert.ok(ids(20).every((id) => orders.get(id)?.from === 'cache'));
  assert.deepEqual(second.database.batches, [ids(40).slice(20)]);
  await loading;
});

test('the holder of some leases is dead: its orders are read together, and its leases left alone', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await readingMany(t, world, { waitForOthersMs: 200 });
  fill(database, ids(30));
  for (const id of ids(20)) await world.cache.lease(id, 60_000);
  const { orders, failures } = await reader.getMany(ids(30));
  assert.equal(failures.size, 0);
  assert.ok(ids(30).every((id) => orders.get(id)?.from === 'database'));
  const batches = database.batches.map((batch) => [...batch].sort());
  assert.deepEqual(batches, [ids(30).slice(20), ids(20).sort()]);
  assert.deepEqual(Object.keys(await world.hash('O0')), ['lease']);
});

test('events are applied while a batch is read: exactly their orders do not get into the cache', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await readingMany(t, world);
  fill(database, ids(10));
  const release = database.hold();
  const old = reader.getMany([...ids(10), 'created']);
  await database.untilRead();
  const changed = ['O2', 'O7', 'created'].map((orderId) => ({ orderId, expected: null }));
  await world.cache.apply('drop', changed);
  release();
  assert.equal((await old).orders.get('O2')?.status, 'SHIPPED');
  for (const { orderId } of changed) assert.deepEqual(await world.hash(orderId), {});
  assert.equal((await world.hash('O3')).status, 'SHIPPED');
});

test('each id that no event can have is read by itself, never becomes a key, and fails alone', async (t) => {
  const world = await activeWorld(t);
  const database = new Database();
  fill(database, ['A', 'a b', 'a:b']);
  const refused = Object.assign(new Error('invalid byte sequence for encoding "UTF8": 0x00'), {
    code: '22021',
  });
  const load = async (orderId: string, signal: AbortSignal) => {
    if (orderId.includes('\0')) throw refused;
    return database.load(orderId, signal);
  };
  const { reader } = await reading(t, world, { load, loadMany: database.loadMany });
  const unusual = ['', 'a b', 'a:b', '\0', 'x'.repeat(200)];
  const wrong = [7, undefined, null] as unknown as string[];
  const { orders, failures } = await reader.getMany([...unusual, ...wrong, 'A']);
  assert.deepEqual(database.batches, [['A']]);
  assert.equal(orders.get('A')?.status, 'SHIPPED');
  assert.equal(orders.get('a b')?.status, 'SHIPPED');
  assert.equal(orders.get(''), null);
  assert.equal(failures.get('\0'), refused);
  for (const id of wrong) assert.match(String(failures.get(id)), /orderId: expected a text, got/);
  assert.equal(orders.size + failures.size, unusual.length + wrong.length + 1);
  assert.deepEqual(await world.redis.keys(`${world.keyPrefix}*`), [world.key('A')]);
});

test('an order whose row is no row fails alone, and its lease is given back', async (t) => {
  const world = await activeWorld(t);
  const loadMany = async () =>
    new Map<string, { status: string; version: string }>([
      ['A', shipped],
      ['B', { status: 'SHIPPED', version: '1.5' }],
      ['never asked for', shipped],
    ]);
  const { reader } = await reading(t, world, { loadMany });
  const { orders, failures } = await reader.getMany(['A', 'B']);
  assert.equal(orders.get('A')?.status, 'SHIPPED');
  assert.match(String(failures.get('B')), /expected a whole number/);
  assert.deepEqual(await world.hash('B'), {});
  assert.equal(orders.size, 1);
});

test('the database is down: hits are served, the others say why, and no lease is left', async (t) => {
  const world = await activeWorld(t);
  const { reader, database } = await readingMany(t, world);
  fill(database, ids(10));
  await reader.getMany(ids(5));
  database.failure = new Error('the database system is shutting down');
  const { orders, failures } = await reader.getMany(ids(10));
  assert.deepEqual([...orders.keys()], ids(5));
  assert.deepEqual([...failures.keys()], ids(10).slice(5));
  for (const error of failures.values()) assert.equal(error, database.failure);
  assert.deepEqual(await world.hash('O7'), {});
});

test('without a TTL table one statement reads everything, and nothing is kept', async (t) => {
  const world = await cacheWorld(t);
  const { reader, database } = await readingMany(t, world);
  fill(database, ids(10));
  const { orders } = await reader.getMany(ids(10));
  assert.ok([...orders.values()].every((order) => order?.from === 'database'));
  assert.deepEqual(database.batches, [ids(10)]);
  assert.deepEqual(await world.redis.keys(`${world.keyPrefix}*`), []);
});

test('a key that is no hash is read from the database, and does not make Redis look away', async (t) => {
  const world = await activeWorld(t);
  const { heard, hooks } = listening();
  const { reader, database } = await readingMany(t, world, { hooks });
  fill(database, ['A', 'B']);
  await world.redis.set(world.key('A'), 'of somebody else');
  for (let i = 0; i < 5; i += 1) {
    assert.equal((await reader.get('A'))?.from, 'database');
    assert.equal((await reader.getMany(['A', 'B'])).orders.get('A')?.from, 'database');
  }
  assert.equal((await reader.get('B'))?.from, 'cache');
  assert.deepEqual(
    heard.filter((line) => /failure|breaker/.test(line)),
    [],
  );
});

test('a thousand orders go through in portions', async (t) => {
  const { reader, database } = await readingMany(t, await activeWorld(t));
  fill(database, ids(1100));
  const first = await reader.getMany(ids(1100));
  assert.equal(first.orders.size, 1100);
  assert.deepEqual(
    database.batches.map((batch) => batch.length),
    [250, 250, 250, 250, 100],
  );
  const second = await reader.getMany(ids(1100));
  assert.ok([...second.orders.values()].every((order) => order?.from === 'cache'));
});

test('Redis is killed and comes back empty: no order of a batch fails, and hits return', async (t) => {
  const server = await ownRedis(t);
  const world = await openCache(t, server.uri, 'order:');
  await publishTtlTable(world.connection, world.keyPrefix, TABLE);
  const { reader, database } = await readingMany(t, world);
  fill(database, ids(100));
  await reader.getMany(ids(100));
  await server.kill();
  for (let round = 0; round < 5; round += 1) {
    const { orders, failures } = await reader.getMany(ids(100));
    assert.equal(failures.size, 0);
    assert.ok([...orders.values()].every((order) => order?.from === 'database'));
  }
  await server.start();
  await publishWhenBack(world);
  const allHit = async () =>
    [...(await reader.getMany(ids(100))).orders.values()].every((order) => order?.from === 'cache');
  await until('hits return', allHit);
});

test('Redis swallows everything or is slow: batches are answered from the database in time', async (t) => {
  const world = await activeWorld(t);
  const proxy = await faultProxy(t, world.uri);
  const { reader, database } = await readingMany(t, world, {
    redis: { uri: proxy.through(world.uri) },
    redisTimeoutMs: 200,
  });
  fill(database, ids(50));
  await reader.getMany(ids(50));
  for (const fault of [() => proxy.blackHole(), () => proxy.delay(10_000)]) {
    await fault();
    for (let round = 0; round < 20; round += 1) {
      const startedAt = performance.now();
      const { orders, failures } = await reader.getMany(ids(50));
      assert.equal(failures.size, 0);
      assert.equal(orders.size, 50);
      const took = performance.now() - startedAt;
      assert.ok(took < 5000, `a batch took ${took} ms`);
      await sleep(20);
    }
  }
  await proxy.pass();
  const hit = async () => (await reader.getMany(['O1'])).orders.get('O1')?.from === 'cache';
  await until('hits return', hit);
});

for (const [option, value] of Object.entries({ loadMany: 7, isOutage: 'yes' })) {
  test(`${option} that is no function is refused with its name`, () => {
    const options = { redis: { uri: 'redis://127.0.0.1' }, load: async () => null, [option]: value };
    assert.throws(() => createReader(options as never), new RegExp(`${option}: expected a function`));
  });
}
