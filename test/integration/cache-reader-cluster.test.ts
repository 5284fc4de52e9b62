import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { connectRedis } from '../../cache/connect.ts';
import type { OrderStatuses, ReaderOptions } from '../../cache/reader.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { ownCluster } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { readingMany, shipped } from './cache-reader-world.ts';
import { PATIENT, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';

const ids = Array.from({ length: 300 }, (_, i) => `O${i}`);

async function onCluster(scope: Scope, options: (uri: string) => Partial<ReaderOptions>) {
  const cluster = await ownCluster(scope);
  const admins = cluster.masters.map(
    ({ uri }) => new Redis(uri, { commandTimeout: PATIENT.commandTimeoutMs }),
  );
  for (const admin of admins) admin.on('error', () => {});
  const connection = connectRedis({ uri: cluster.uri }, PATIENT);
  scope.after(async () => {
    connection.close();
    for (const admin of admins) admin.disconnect();
  });
  await connection.ready();
  await publishTtlTable(connection, 'order:', TABLE);
  const world = { uri: cluster.uri, keyPrefix: 'order:' };
  const { reader, database } = await readingMany(scope, world, options(cluster.uri));
  for (const id of ids) database.rows.set(id, shipped);
  return { cluster, admins, reader, database };
}

function count({ orders }: OrderStatuses, from: 'cache' | 'database'): number {
  return [...orders.values()].filter((order) => order?.from === from).length;
}

/** Asks for all until every one is a hit; none may fail meanwhile. */
async function untilAllHit(ask: () => Promise<OrderStatuses>): Promise<void> {
  await until('every order is a hit', async () => {
    const found = await ask();
    assert.equal(found.failures.size, 0);
    assert.equal(found.orders.size, ids.length);
    return count(found, 'cache') === ids.length;
  });
}

test('on a Cluster a batch is read from all masters, with few statements for what is missing', async (t) => {
  const { reader, admins, database } = await onCluster(t, () => ({}));
  const first = await reader.getMany([...ids, 'none']);
  assert.equal(count(first, 'database'), ids.length);
  assert.equal(first.orders.get('none'), null);
  assert.equal(database.batches.length, 2, 'one statement for up to 250 orders');
  const second = await reader.getMany([...ids, 'none']);
  assert.equal(count(second, 'cache'), ids.length);
  assert.equal(second.orders.get('none'), null);
  assert.equal(database.batches.length, 2, 'one statement for up to 250 orders');
  const sizes = await Promise.all(admins.map((admin) => admin.dbsize()));
  assert.ok(
    sizes.every((size) => size > 50),
    `the masters have ${sizes.join(', ')} keys`,
  );
});

test('one master is killed: its orders come from the database, the others from the cache', async (t) => {
  const { reader, cluster, admins } = await onCluster(t, () => ({}));
  await untilAllHit(() => reader.getMany(ids));
  const home = (await admins[0]?.cluster('KEYSLOT', 'ordercache:ttl:order:')) ?? 0;
  const without = home > 10_922 ? 0 : 2;
  await cluster.masters[without]?.kill();
  const found = await reader.getMany(ids);
  assert.equal(found.failures.size, 0);
  assert.equal(count(found, 'cache') + count(found, 'database'), ids.length);
  assert.ok(count(found, 'cache') > 100 && count(found, 'database') > 50);
});

test('the password is rotated and all connections are broken: no order fails, and hits return', async (t) => {
  let current = 'first';
  const { reader, admins } = await onCluster(t, (uri) => ({
    redis: () => ({ uri, username: 'reader', password: current }),
  }));
  const rotate = async (word: string) => {
    current = word;
    const user = ['on', 'resetpass', `>${word}`, '~*', '+@all'];
    await Promise.all(admins.map((admin) => admin.acl('SETUSER', 'reader', ...user)));
    await Promise.all(admins.map((admin) => admin.client('KILL', 'USER', 'reader')));
  };
  await rotate('first');
  await untilAllHit(() => reader.getMany(ids));
  await rotate('second');
  await untilAllHit(() => reader.getMany(ids));
});
