import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../cache/connect.ts';
import { RedisFailure, RedisRefused, RedisUnavailable } from '../../cache/failure.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { APPLY } from '../../cache/scripts/apply.ts';
import { faultProxy, ownRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { openCache, SOURCE, TABLE, without } from './cache-world.ts';
import { until } from './worker-process.ts';

const orders = (...orderIds: string[]) => orderIds.map((orderId) => ({ orderId, expected: null }));
const row = { status: 'DELIVERED', version: '8' };

async function own(scope: Scope, options: readonly string[] = []) {
  const server = await ownRedis(scope, options);
  const world = await openCache(scope, server.uri, 'order:');
  const put = (orderId: string) =>
    world.redis.hset(world.key(orderId), { status: 'NEW', version: '7', source: SOURCE, updatedAt: '1' });
  return { ...world, server, put };
}

/** A connection that waits so long for a reply. */
function waiting(scope: Scope, uri: string, commandTimeoutMs: number) {
  const connection = connectRedis({ uri }, { commandTimeoutMs, connectTimeoutMs: 10_000 });
  scope.after(async () => connection.close());
  return { connection, cache: new OrderCache(connection, { keyPrefix: 'order:', versionSource: SOURCE }) };
}

async function failureOf(promise: Promise<unknown>): Promise<RedisFailure> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof RedisFailure, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it did not fail' });
}

test('Redis has forgotten the scripts: they are sent again', async (t) => {
  const { cache, redis, put } = await own(t);
  await put('A');
  await cache.apply('mark', orders('A'));
  await redis.script('FLUSH');
  const results = await Promise.all([cache.apply('mark', orders('A')), cache.apply('drop', orders('A'))]);
  assert.deepEqual(
    results.map(({ outcomes }) => outcomes[0]?.kind),
    ['marked', 'dropped'],
  );
});

test('Redis has no memory: what cannot be marked is dropped, and events are not held up', async (t) => {
  const { cache, redis, put, key } = await own(t);
  await Promise.all([put('A'), put('B')]);
  await redis.config('SET', 'maxmemory', '1');
  const { outcomes } = await cache.apply('mark', orders('A', 'absent'));
  assert.deepEqual(outcomes, [{ kind: 'dropped' }, { kind: 'absent' }]);
  assert.equal(await redis.exists(key('A')), 0);
});

test('Redis has no memory: what cannot be settled is dropped', async (t) => {
  const { cache, redis, put, key } = await own(t);
  await put('A');
  const { ticket } = await cache.apply('mark', orders('A'));
  await redis.config('SET', 'maxmemory', '1');
  const outcomes = await cache.settle(ticket, TABLE, [{ orderId: 'A', row }]);
  assert.deepEqual(outcomes, [{ kind: 'dropped', because: 'OutOfMemory' }]);
  assert.equal(await redis.exists(key('A')), 0);
});

test('Redis has no memory: a reader gets no lease, and one that has a lease leaves no record', async (t) => {
  const { cache, redis, key } = await own(t);
  const lease = await cache.lease('A', 10_000);
  assert.equal(lease.kind, 'granted');
  const token = lease.kind === 'granted' ? lease.token : '';
  const other = await cache.lease('C', 10_000);
  const otherToken = other.kind === 'granted' ? other.token : '';
  await redis.config('SET', 'maxmemory', '1');
  assert.deepEqual(await cache.lease('B', 10_000), { kind: 'refused' });
  const dropped = { kind: 'dropped', because: 'OutOfMemory' };
  assert.deepEqual(await cache.fill('A', token, row, TABLE), dropped);
  assert.deepEqual(await cache.fillAbsent('C', otherToken, 60), dropped);
  assert.equal(await redis.exists(key('A'), key('B'), key('C')), 0);
});

test('a master that became a replica answers for nothing, not even for an order that it does not have', async (t) => {
  const { cache, redis, connection } = await own(t);
  await redis.replicaof('127.0.0.1', 1);
  const failure = await failureOf(cache.apply('drop', orders('absent')));
  assert.deepEqual([failure.kind, failure.reason], ['RedisUnavailable', 'READONLY']);
  await untilAnswering(connection);
  const settled = await failureOf(cache.settle('ticket', TABLE, [{ orderId: 'absent', row }]));
  assert.equal(settled.reason, 'READONLY');
});

test('without its proof of being the master, a replica would call an order absent', async (t) => {
  const server = await ownRedis(t);
  const world = await openCache(
    t,
    server.uri,
    'order:',
    without('apply', APPLY, 'if not wrote then prove_master(keys[1]) end'),
  );
  await world.redis.replicaof('127.0.0.1', 1);
  const { outcomes } = await world.cache.apply('drop', orders('absent'));
  assert.deepEqual(outcomes, [{ kind: 'absent' }]);
});

test('a master with too few replicas may not write, which is an outage', async (t) => {
  const { cache, redis, put } = await own(t);
  await put('A');
  await redis.config('SET', 'min-replicas-to-write', '1');
  const failure = await failureOf(cache.apply('mark', orders('A')));
  assert.deepEqual([failure.kind, failure.reason], ['RedisUnavailable', 'NOREPLICAS']);
});

test('Redis is busy with the script of somebody else', async (t) => {
  const { cache, redis, put } = await own(t, ['--busy-reply-threshold', '50']);
  await put('A');
  const spinner = redis.duplicate({ commandTimeout: 20_000 });
  spinner.on('error', () => {});
  t.after(() => spinner.disconnect());
  const spinning = spinner.eval('while true do end', 0).catch(() => 'killed');
  const busy = () =>
    redis.ping().then(
      () => false,
      (error: Error) => error.message.startsWith('BUSY'),
    );
  await until('it is busy', busy);
  const failure = await failureOf(cache.apply('mark', orders('A')));
  assert.deepEqual([failure.kind, failure.reason], ['RedisUnavailable', 'BUSY']);
  await redis.script('KILL');
  assert.equal(await spinning, 'killed');
  assert.equal((await cache.apply('mark', orders('A'))).outcomes[0]?.kind, 'marked');
});

test('Redis is killed: commands in flight and later ones fail at once, and it is found again when it is back', async (t) => {
  const server = await ownRedis(t);
  const { cache, connection } = waiting(t, server.uri, 30_000);
  await connection.ready();
  const startedAt = performance.now();
  server.freeze();
  const inFlight = failureOf(cache.apply('mark', orders('A')));
  await server.kill();
  assert.ok((await inFlight) instanceof RedisUnavailable);
  assert.ok((await failureOf(cache.apply('mark', orders('A')))) instanceof RedisUnavailable);
  assert.ok(performance.now() - startedAt < 15_000, 'long before the deadline of a command');
  await server.start();
  await untilAnswering(connection);
  assert.deepEqual((await cache.apply('mark', orders('A'))).outcomes, [{ kind: 'absent' }]);
});

test('Redis swallows everything: each command ends within its deadline, and the connection is made anew', async (t) => {
  const server = await ownRedis(t);
  const proxy = await faultProxy(t, server.uri);
  const { cache, connection } = waiting(t, proxy.through(server.uri), 300);
  await connection.ready();
  await proxy.blackHole();
  const failing = Promise.all([1, 2, 3].map(() => failureOf(cache.apply('mark', orders('A')))));
  const failures = await Promise.race([failing, sleep(10_000, [], { ref: false })]);
  assert.equal(failures.length, 3, 'in time');
  for (const failure of failures) assert.ok(failure instanceof RedisUnavailable);
  await proxy.pass();
  await untilAnswering(connection);
});

async function untilAnswering(connection: { ping(): Promise<void> }): Promise<void> {
  const answers = () =>
    connection.ping().then(
      () => true,
      () => false,
    );
  await until('Redis answers', answers);
}

test('nobody listens: the failure says so, and nothing is printed or left unhandled', async (t) => {
  const { connection } = waiting(t, 'redis://127.0.0.1:1', 300);
  const failure = await failureOf(connection.ready());
  assert.ok(failure instanceof RedisUnavailable);
  assert.equal((await failureOf(connection.ping())).reason, 'ECONNREFUSED');
});

test('a wrong password is refused, and no error shows it', async (t) => {
  const server = await ownRedis(t, ['--requirepass', 'right']);
  const messages: string[] = [];
  const connection = connectRedis(
    { uri: server.uri, password: 'hunter2' },
    { connectTimeoutMs: 20_000, onError: (failure) => messages.push(`${failure.message} ${failure.stack}`) },
  );
  t.after(async () => connection.close());
  const failure = await failureOf(connection.ready());
  assert.ok(failure instanceof RedisRefused);
  assert.equal(failure.reason, 'WRONGPASS');
  assert.ok(messages.length > 0);
  assert.doesNotMatch(messages.join(), /hunter2/);
});

test('a password that is missing is refused', async (t) => {
  const server = await ownRedis(t, ['--requirepass', 'right']);
  const { connection } = waiting(t, server.uri, 10_000);
  await connection.ready();
  assert.equal((await failureOf(connection.ping())).reason, 'NOAUTH');
  assert.ok((await failureOf(connection.ping())) instanceof RedisRefused);
});

test('a plain port where TLS is asked for fails in time', async (t) => {
  const server = await ownRedis(t);
  const connection = connectRedis(
    { uri: server.uri.replace('redis:', 'rediss:') },
    { connectTimeoutMs: 500 },
  );
  t.after(async () => connection.close());
  assert.ok((await failureOf(connection.ready())) instanceof RedisFailure);
});
