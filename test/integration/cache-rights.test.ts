import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { connectRedis, type RedisConnection } from '../../cache/connect.ts';
import { RedisRefused } from '../../cache/failure.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { createReader } from '../../cache/reader.ts';
import {
  deleteRecords,
  deleteTtlTable,
  publishTtlTable,
  readTtlTable,
  retireTtlTable,
} from '../../cache/ttl-table-redis.ts';
import { ownRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { PATIENT, SOURCE, TABLE } from './cache-world.ts';

/** The least rights, for keyPrefix `order:`. A database other than 0 wants `+select`, a Cluster `+cluster|slots`. */
const RIGHTS = {
  worker:
    '~order:* %R~ordercache:ttl:order: +evalsha +eval +hmget +hset +hdel +del +pexpire +time +get +ping',
  reader:
    '~order:* %R~ordercache:ttl:order: +evalsha +eval +hmget +hget +hset +hdel +del +pexpire +time +get +script|load +script|exists',
  operator: '~order:* ~ordercache:ttl:* +evalsha +eval +get +set +del +scan +unlink +ping +info',
} as const;

const ready = { status: 'READY', version: '2' };

async function withUsers(scope: Scope) {
  const server = await ownRedis(scope);
  const admin = new Redis(server.uri);
  admin.on('error', () => {});
  scope.after(async () => admin.disconnect());
  for (const [user, rights] of Object.entries(RIGHTS)) {
    await admin.acl('SETUSER', user, 'on', '>secret', ...rights.split(' '));
  }
  const as = (username: keyof typeof RIGHTS): RedisConnection => {
    const connection = connectRedis({ uri: server.uri, username, password: 'secret' }, PATIENT);
    scope.after(async () => connection.close());
    return connection;
  };
  return { server, as, admin };
}

test('operator, reader and worker do all their work with the least rights', async (t) => {
  const { server, as, admin } = await withUsers(t);
  const [operator, workers] = [as('operator'), as('worker')];
  await Promise.all([operator.ready(), workers.ready()]);
  await publishTtlTable(operator, 'order:', TABLE);

  const reader = createReader({
    redis: { uri: server.uri, username: 'reader', password: 'secret' },
    load: async (orderId) => (orderId === 'gone' ? null : ready),
    redisTimeoutMs: PATIENT.commandTimeoutMs,
    hooks: { onRedisFailure: (failure) => assert.fail(failure.message) },
  });
  t.after(() => reader.close());
  assert.equal((await reader.get('A'))?.from, 'database');
  assert.equal((await reader.get('A'))?.from, 'cache');
  assert.equal(await reader.get('gone'), null);

  const cache = new OrderCache(workers, { keyPrefix: 'order:', versionSource: SOURCE });
  const apply = () => cache.apply('mark', [{ orderId: 'A', expected: null }]);
  const first = await apply();
  const row = { status: 'SENT', version: '3' };
  assert.deepEqual(await cache.settle(first.ticket, TABLE, [{ orderId: 'A', row }]), [{ kind: 'updated' }]);
  const unversioned = { status: 'SENT', version: null };
  const second = await apply();
  await cache.settle(second.ticket, TABLE, [{ orderId: 'A', row: unversioned }]);
  await cache.apply('drop', [{ orderId: 'A', expected: null }]);
  await cache.apply('drop', [{ orderId: 'A', expected: null }]);
  assert.ok(await readTtlTable(workers, 'order:'));
  await workers.ping();

  await reader.get('A');
  await retireTtlTable(operator, 'order:', TABLE);
  assert.deepEqual(await deleteRecords(operator, 'order:', { deadlineMs: 30_000 }), {
    kind: 'Deleted',
    count: 2,
  });
  await deleteTtlTable(operator, 'order:', TABLE);
  assert.equal(await admin.dbsize(), 0);
  assert.deepEqual(await admin.acl('LOG'), [], 'nothing was tried that is not allowed');
});

test('a worker cannot change the TTL table or another prefix, and is told that it may not', async (t) => {
  const { as } = await withUsers(t);
  const worker = as('worker');
  await worker.ready();
  await assert.rejects(publishTtlTable(worker, 'order:', TABLE), RedisRefused);
  const foreign = new OrderCache(worker, { keyPrefix: 'session:', versionSource: null });
  await assert.rejects(foreign.apply('mark', [{ orderId: 'A', expected: null }]), RedisRefused);
});
