import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createReader, type Reader, type RedisCredentials } from '../../cache/reader.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { faultProxy, ownRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { listening, reading, shipped } from './cache-reader-world.ts';
import { openCache, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';

const RIGHTS = ['~*', '+@all'];

/** A Redis whose user `reader` has a password that can be changed, and a TTL table. */
async function withUser(scope: Scope, password: string) {
  const server = await ownRedis(scope);
  const world = await openCache(scope, server.uri, 'order:');
  await publishTtlTable(world.connection, 'order:', TABLE);
  const setPassword = (word: string) =>
    world.redis.acl('SETUSER', 'reader', 'on', 'resetpass', `>${word}`, ...RIGHTS);
  await setPassword(password);
  const disconnect = () => world.redis.client('KILL', 'USER', 'reader');
  const credentials = (word: string): RedisCredentials => ({
    uri: server.uri,
    username: 'reader',
    password: word,
  });
  return { world, setPassword, disconnect, credentials };
}

async function untilHit(reader: Reader, orderId = 'A'): Promise<void> {
  await until('a hit', async () => (await reader.get(orderId))?.from === 'cache');
}

for (const how of ['at once', 'later'] as const) {
  test(`a password is rotated and the connection broken: the callback, which answers ${how}, gives the new one`, async (t) => {
    const { world, setPassword, disconnect, credentials } = await withUser(t, 'first');
    let current = 'first';
    let calls = 0;
    const redis = () => {
      calls += 1;
      return how === 'at once' ? credentials(current) : sleep(20).then(() => credentials(current));
    };
    const { reader, database } = await reading(t, world, { redis });
    database.rows.set('A', shipped);
    await untilHit(reader);
    assert.equal(calls, 1, 'one connection, one call');
    current = 'second';
    await setPassword('second');
    await disconnect();
    assert.equal((await reader.get('A'))?.status, 'SHIPPED', 'no read fails meanwhile');
    await untilHit(reader);
    assert.ok(calls >= 2 && calls < 8, `${calls} calls`);
  });
}

test('the callback is late with the new password: reads come from the database, until Redis takes what it gives', async (t) => {
  const { world, setPassword, disconnect, credentials } = await withUser(t, 'first');
  let current = 'first';
  const { heard, hooks } = listening();
  const { reader, database } = await reading(t, world, { redis: () => credentials(current), hooks });
  database.rows.set('A', shipped);
  await untilHit(reader);
  await setPassword('second');
  await disconnect();
  const since = performance.now();
  await until('the new password is refused for a while', async () => {
    assert.equal((await reader.get('A'))?.status, 'SHIPPED');
    return performance.now() - since > 1500 && heard.includes('redis failure WRONGPASS');
  });
  assert.ok(heard.filter((line) => line === 'redis failure WRONGPASS').length < 20, 'not in a tight loop');
  current = 'second';
  await untilHit(reader);
  assert.ok(!heard.join().match(/first|second/), 'no password is heard');
});

test('the user is deleted and made again with another password: it is used', async (t) => {
  const { world, setPassword, disconnect, credentials } = await withUser(t, 'first');
  let current = 'first';
  const { reader, database } = await reading(t, world, { redis: () => credentials(current) });
  database.rows.set('A', shipped);
  await untilHit(reader);
  await world.redis.acl('DELUSER', 'reader');
  await disconnect().catch(() => 'there is no such user any more');
  current = 'second';
  await setPassword('second');
  await untilHit(reader);
});

for (const [what, fault] of Object.entries({
  throws: () => {
    throw new Error('vault: token hunter2 has expired');
  },
  rejects: async () => {
    throw new Error('vault: token hunter2 has expired');
  },
  'gives nonsense': () => ({ uri: 'http://hunter2' }),
  'gives nothing': () => undefined as unknown as RedisCredentials,
  'never answers': () => new Promise<RedisCredentials>(() => {}),
})) {
  test(`the callback ${what}: reads come from the database, in time, and no secret is told`, async (t) => {
    const heard: string[] = [];
    const reader = createReader({
      redis: fault,
      load: async () => shipped,
      hooks: { onRedisFailure: ({ message, stack }) => void heard.push(`${message} ${stack}`) },
    });
    t.after(() => reader.close());
    const startedAt = performance.now();
    assert.deepEqual(await reader.get('A'), { ...shipped, from: 'database' });
    assert.deepEqual((await reader.getMany(['A'])).orders.get('A'), { ...shipped, from: 'database' });
    assert.ok(performance.now() - startedAt < 8000, 'before the deadline of the callback');
    assert.doesNotMatch(heard.join(), /hunter2/);
    if (what !== 'never answers') assert.ok(heard.length > 0);
  });
}

test('Redis moves: the callback gives its new address', async (t) => {
  const { world, credentials } = await withUser(t, 'word');
  const proxy = await faultProxy(t, world.uri);
  const there = await ownRedis(t);
  const other = await openCache(t, there.uri, 'order:');
  await publishTtlTable(other.connection, 'order:', TABLE);
  let uri = proxy.through(world.uri);
  const { reader, database } = await reading(t, world, { redis: () => ({ ...credentials('word'), uri }) });
  database.rows.set('A', shipped);
  await untilHit(reader);
  await other.redis.acl('SETUSER', 'reader', 'on', '>word', ...RIGHTS);
  uri = there.uri;
  await proxy.cut();
  await untilHit(reader);
  assert.equal((await other.hash('A')).status, 'SHIPPED');
});

test('the reader is closed while the callback is asked: no connection is left', async (t) => {
  const { world, credentials } = await withUser(t, 'word');
  const reader = createReader({
    redis: () => sleep(50).then(() => credentials('word')),
    load: async () => shipped,
  });
  await reader.close();
  await sleep(150);
  assert.doesNotMatch(String(await world.redis.client('LIST')), /user=reader/);
});
