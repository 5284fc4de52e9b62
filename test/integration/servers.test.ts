import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import {
  ensureServers,
  faultProxy,
  ownRedis,
  type Scope,
  testDatabase,
  testRedis,
  testVhost,
} from '../servers/index.ts';

const options = { commandTimeout: 5_000, maxRetriesPerRequest: 1, retryStrategy: () => null };

function redisClient(scope: Scope, uri: string): Redis {
  const redis = new Redis(uri, options);
  redis.on('error', () => {});
  scope.after(async () => redis.disconnect());
  return redis;
}

/** A scope that ends when the test says so. */
function endingScope(): Scope & { end(): Promise<void> } {
  const cleanups: (() => Promise<void>)[] = [];
  return {
    after: (cleanup) => void cleanups.push(cleanup),
    end: async () => {
      for (const cleanup of cleanups) await cleanup();
    },
  };
}

test('the servers are RabbitMQ with Prometheus metrics, Redis and PostgreSQL', {
  timeout: 900_000,
}, async (t) => {
  const uris = await ensureServers();
  const redis = redisClient({ after }, uris.redisUri);
  assert.match(await redis.info('server'), /redis_version:\d/);
  const metrics = await fetch(uris.prometheusUri, { signal: AbortSignal.timeout(5_000) });
  assert.match(await metrics.text(), /rabbitmq_connections/);
  const { pool } = await testDatabase(t);
  assert.match((await pool.query('SELECT version()')).rows[0].version, /^PostgreSQL/);
});

test('a virtual host carries messages to its own user only, and is gone after the test', async (t) => {
  const scope = endingScope();
  const mine = await testVhost(scope);
  const other = await testVhost(t);
  const connection = await mine.connect();
  const channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
  await channel.assertQueue('orders', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  channel.sendToQueue('orders', Buffer.from('{}'));
  await channel.waitForConfirms();
  assert.equal((await channel.checkQueue('orders')).messageCount, 1);
  const trespass = other.amqpUri.replace(`/${other.vhost}`, `/${mine.vhost}`);
  await assert.rejects(connect(trespass));

  await scope.end();
  const vhosts = (await other.management('GET', 'vhosts')) as { name: string }[];
  const names = vhosts.map((vhost) => vhost.name);
  assert.ok(names.includes(other.vhost) && !names.includes(mine.vhost), `vhosts: ${names}`);
});

test('a user of a virtual host has no more than the rights it was given', async (t) => {
  const vhost = await testVhost(t);
  const connection = await vhost.connect(
    await vhost.addUser({ configure: '^$', write: '^$', read: '^orders$' }),
  );
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  await assert.rejects(channel.assertQueue('mine'), /ACCESS_REFUSED/);
});

test('connections of a virtual host are cut from the broker side, those of another stay', async (t) => {
  const [cut, kept] = [await testVhost(t), await testVhost(t)];
  const cutConnection = await cut.connect();
  const keptConnection = await kept.connect();
  const closed = once(cutConnection, 'close', { signal: AbortSignal.timeout(30_000) });
  const listed = async () =>
    ((await cut.management('GET', `connections/username/${cut.username}`)) as unknown[]).length;
  for (const deadline = Date.now() + 20_000; (await listed()) === 0; await sleep(20)) {
    assert.ok(Date.now() < deadline, 'the connection is not listed');
  }
  assert.equal(await cut.closeConnections(), 1);
  await closed;
  await keptConnection.createChannel();
});

test('keys with the prefix of a test are gone after it, those of another test stay', async (t) => {
  const scope = endingScope();
  const mine = await testRedis(scope);
  const other = await testRedis(t);
  const redis = redisClient(t, mine.uri);
  await redis.hset(`${mine.keyPrefix}A1`, 'status', 'NEW');
  await redis.hset(`${other.keyPrefix}A1`, 'status', 'NEW');
  await scope.end();
  assert.equal(await redis.exists(`${mine.keyPrefix}A1`), 0);
  assert.equal(await redis.exists(`${other.keyPrefix}A1`), 1);
});

test('a database has an empty table of orders, and is dropped after the test with sessions still open', async (t) => {
  const scope = endingScope();
  const mine = await testDatabase(scope);
  const other = await testDatabase(t);
  await mine.pool.query("INSERT INTO orders VALUES ('A1', 'NEW', 9007199254740993)");
  const { rows } = await mine.pool.query('SELECT id, status, version FROM orders');
  assert.deepEqual(rows, [{ id: 'A1', status: 'NEW', version: '9007199254740993' }]);
  assert.equal((await other.pool.query('SELECT id FROM orders')).rowCount, 0);
  await scope.end();
  const left = await other.pool.query('SELECT datname FROM pg_database WHERE datname = $1', [mine.database]);
  assert.equal(left.rowCount, 0);
});

test('a Redis of its own has another run id after it was killed, and is empty', async (t) => {
  const own = await ownRedis(t);
  const before = redisClient(t, own.uri);
  await before.set('key', 'value');
  const runId = async (redis: Redis) => /run_id:(\w+)/.exec(await redis.info('server'))?.[1];
  const first = await runId(before);
  await own.kill();
  await assert.rejects(redisClient(t, own.uri).ping());
  await own.start();
  const again = redisClient(t, own.uri);
  assert.notEqual(await runId(again), first);
  assert.equal(await again.exists('key'), 0);
});

test('what is sent to a frozen Redis is executed when it thaws', async (t) => {
  const own = await ownRedis(t);
  const redis = redisClient(t, own.uri);
  await redis.ping();
  own.freeze();
  const write = redis.set('key', 'late');
  assert.equal(await Promise.race([write, sleep(300, 'no answer')]), 'no answer');
  own.thaw();
  assert.equal(await write, 'OK');
});

test('behind the proxy a server is reached, refused when cut, and reached again', async (t) => {
  const { uri } = await testRedis(t);
  const proxy = await faultProxy(t, uri);
  const redis = redisClient(t, proxy.through(uri));
  assert.equal(await redis.ping(), 'PONG');
  const ended = new Promise((resolve) => redis.once('end', resolve));
  await proxy.cut();
  await ended;
  await assert.rejects(redisClient(t, proxy.through(uri)).ping());
  await proxy.pass();
  assert.equal(await redisClient(t, proxy.through(uri)).ping(), 'PONG');
});

test('a black hole accepts connections and answers nothing, and what it swallowed never arrives', async (t) => {
  const { uri, keyPrefix } = await testRedis(t);
  const proxy = await faultProxy(t, uri);
  const redis = redisClient(t, proxy.through(uri));
  await redis.ping();
  await proxy.blackHole();
  const write = redis.set(`${keyPrefix}A1`, 'lost').catch(() => 'failed');
  const late = connectTcp(proxy.port, proxy.host);
  t.after(() => late.destroy());
  await once(late, 'connect', { signal: AbortSignal.timeout(5_000) });
  assert.equal(await Promise.race([write, sleep(300, 'no answer')]), 'no answer');
  await proxy.pass();
  assert.equal(await write, 'failed');
  assert.equal(await redisClient(t, uri).exists(`${keyPrefix}A1`), 0);
});

test('a stalled connection delivers what was sent meanwhile when it passes again', async (t) => {
  const { uri, keyPrefix } = await testRedis(t);
  const proxy = await faultProxy(t, uri);
  const redis = redisClient(t, proxy.through(uri));
  await redis.ping();
  await proxy.stall();
  const write = redis.set(`${keyPrefix}A1`, 'late');
  assert.equal(await Promise.race([write, sleep(300, 'no answer')]), 'no answer');
  await proxy.pass();
  assert.equal(await write, 'OK');
});

test('a delay holds up each direction, and pipelined requests share it', async (t) => {
  const { uri } = await testRedis(t);
  const proxy = await faultProxy(t, uri);
  const redis = redisClient(t, proxy.through(uri));
  await redis.ping();
  await proxy.delay(100);
  const began = performance.now();
  await Promise.all(Array.from({ length: 50 }, () => redis.ping()));
  const took = performance.now() - began;
  assert.ok(took >= 190 && took < 8_000, `one after the other they take 10 s; took ${took} ms`);
});
