import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from 'amqplib';
import { Redis } from 'ioredis';
import type { RedisConnection } from '../../cache/connect.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { createReader } from '../../cache/reader.ts';
import { FILL } from '../../cache/scripts/fill.ts';
import { LEASE } from '../../cache/scripts/lease.ts';
import {
  connectRedis,
  deleteRecords,
  deleteTtlTable,
  publishTtlTable,
  RedisRefused,
  readTtlTable,
  retireTtlTable,
} from '../../cache/ttl-table-redis.ts';
import { accountsOf } from '../../demo/manifests-accounts.ts';
import { rabbitmqDefinitions } from '../../demo/manifests-rabbitmq.ts';
import { redisAcl } from '../../demo/manifests-redis.ts';
import type { ReleaseResult } from '../../operator/ports.ts';
import { createTopology } from '../../operator/topology.ts';
import { ownRedis, type Scope, testVhost } from '../servers/index.ts';
import { SOURCE, TABLE } from './cache-world.ts';
import { catchUpStage } from './catch-up-stage.ts';
import { credentialsFor, policyWith } from './operator-policy.ts';

const keyPrefix = 'order:';
const accounts = accountsOf('seed of a test', 'shop');

/** A Redis with the demo's accounts. */
async function demoRedis(scope: Scope): Promise<(account: 'worker' | 'readers') => string> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-acl-'));
  const file = join(directory, 'users.acl');
  writeFileSync(file, redisAcl(accounts, keyPrefix));
  const { port } = await ownRedis(scope, ['--aclfile', file]);
  scope.after(async () => rmSync(directory, { recursive: true, force: true }));
  return (account) => `redis://${account}:${accounts.password('redis', account)}@127.0.0.1:${port}/0`;
}

async function open(scope: Scope, uri: string): Promise<RedisConnection> {
  const connection = connectRedis({ uri });
  scope.after(async () => connection.close());
  await connection.ready();
  return connection;
}

describe("The demo's accounts in Redis", () => {
  it('let the operator publish, retire and erase, and workers update what readers have filled', async (t) => {
    const uriOf = await demoRedis(t);
    const connection = await open(t, uriOf('worker'));
    assert.deepEqual(await publishTtlTable(connection, keyPrefix, TABLE), { kind: 'Published' });

    const load = async () => ({ status: 'NEW', version: '1' });
    const reader = createReader({ redis: { uri: uriOf('readers') }, keyPrefix, load });
    t.after(() => reader.close());
    await until('a read is a hit', async () => (await reader.get('A1'))?.from === 'cache');

    const cache = new OrderCache(connection, { keyPrefix, versionSource: SOURCE });
    const row = { status: 'DELIVERED', version: '2' };
    const applied = await cache.apply('mark', [{ orderId: 'A1', expected: null }]);
    assert.equal(applied.outcomes[0]?.kind, 'marked');
    const settled = await cache.settle(applied.ticket, TABLE, [{ orderId: 'A1', row }]);
    assert.deepEqual(settled, [{ kind: 'updated' }]);
    assert.equal((await reader.get('A1'))?.status, 'DELIVERED');

    assert.equal((await retireTtlTable(connection, keyPrefix, TABLE)).kind, 'Retired');
    assert.deepEqual(await deleteRecords(connection, keyPrefix, { deadlineMs: 5_000 }), {
      kind: 'Deleted',
      count: 1,
    });
    assert.equal((await deleteTtlTable(connection, keyPrefix, TABLE)).kind, 'Deleted');
  });

  it('let the maintenance pod walk through the orders and keep how far it is', async (t) => {
    const stage = await catchUpStage(t, (await demoRedis(t))('worker'), { keyPrefix });
    await stage.rows(['A1'], 'SENT', 2);
    await stage.records(['A1', 'A2'], 'NEW', 1);
    const { orders, updated, dropped } = await (await stage.maintenance()).completed();
    assert.deepEqual({ orders, updated, dropped }, { orders: 2, updated: 1, dropped: 1 });
  });

  it('let readers see the TTL table but not change it, nor walk through the keys', async (t) => {
    const readers = await open(t, (await demoRedis(t))('readers'));
    assert.equal(await readTtlTable(readers, keyPrefix), null);
    await assert.rejects(publishTtlTable(readers, keyPrefix, TABLE), RedisRefused);
    await assert.rejects(deleteRecords(readers, keyPrefix, { deadlineMs: 5_000 }), RedisRefused);
  });

  it('let readers load a script before they call it, as redis-py and StackExchange.Redis do', async (t) => {
    const uriOf = await demoRedis(t);
    await publishTtlTable(await open(t, uriOf('worker')), keyPrefix, TABLE);
    const client = new Redis(uriOf('readers'), { maxRetriesPerRequest: 1, commandTimeout: 20_000 });
    client.on('error', () => {});
    t.after(() => client.disconnect());
    const [lease, fill] = [await client.script('LOAD', LEASE), await client.script('LOAD', FILL)];
    assert.deepEqual(await client.script('EXISTS', String(lease), String(fill)), [1, 1]);
    const key = `${keyPrefix}A1`;
    assert.equal(await client.evalsha(String(lease), 1, key, 'token-of-a-test', 5000), 0);
    const row = ['token-of-a-test', 'NEW', '1', SOURCE, 60_000, 'row'];
    assert.equal(await client.evalsha(String(fill), 1, key, ...row), 1);
    assert.equal(await client.hget(key, 'status'), 'NEW');
    await assert.rejects(client.script('FLUSH'), /NOPERM/);
  });

  it('confine workers to the keys of their policy', async (t) => {
    const worker = await open(t, (await demoRedis(t))('worker'));
    await assert.rejects(publishTtlTable(worker, 'invoice:', TABLE), RedisRefused);
    const stranger = new OrderCache(worker, { keyPrefix: 'invoice:', versionSource: SOURCE });
    await assert.rejects(stranger.apply('mark', [{ orderId: 'A1', expected: null }]), RedisRefused);
  });
});

describe("The demo's accounts in RabbitMQ", () => {
  it('let the operator declare and release a topology, and the worker use it', async (t) => {
    const vhost = await testVhost(t);
    await vhost.management('PUT', `exchanges/${vhost.vhost}/mes`, { type: 'topic', durable: true });
    const { amqpUri, managementUri } = await demoUser(vhost, 'operator');
    const credentials = credentialsFor(amqpUri, managementUri, vhost.vhost);
    const topology = createTopology({ installation: 'test', mayWrite: () => {} });

    const declared = await topology.reconcile(policyWith(), credentials);
    assert.equal(declared.kind, 'Declared', JSON.stringify(declared));
    await passThroughQueue(vhost, (await demoUser(vhost, 'worker')).amqpUri);
    const policy = policyWith({ knownQueue: 'ordercache.shop.orders' });
    await vhost.management('DELETE', `queues/${vhost.vhost}/ordercache.shop.orders.dead/contents`);
    const released = await untilReleased(() => topology.release(policy, credentials, 'Delete'));
    assert.equal(released.kind, 'Released', JSON.stringify(released));
    assert.deepEqual(await vhost.management('GET', `queues/${vhost.vhost}`), []);
  });
});

type Vhost = Awaited<ReturnType<typeof testVhost>>;

/** A user of the virtual host with the rights and tags that the demo gives this account. */
async function demoUser(vhost: Vhost, account: string): Promise<{ amqpUri: string; managementUri: string }> {
  const { users, permissions } = JSON.parse(rabbitmqDefinitions(accounts, 'shop')) as {
    users: { name: string; tags: string }[];
    permissions: { user: string; configure: string; write: string; read: string }[];
  };
  const rights = permissions.find(({ user }) => user === account);
  if (rights === undefined) throw new Error(`no rights for ${account}`);
  const { configure, write, read } = rights;
  const tags = users.find(({ name }) => name === account)?.tags;
  const amqpUri = await vhost.addUser({ configure, write, read }, tags);
  const { username, password } = new URL(amqpUri);
  return {
    amqpUri,
    managementUri: vhost.managementUri.replace(/\/\/[^@]*@/, `//${username}:${password}@`),
  };
}

/** A message of MES goes through a retry, then to the dead letters, as a worker does it. */
async function passThroughQueue(vhost: Vhost, workerUri: string): Promise<void> {
  const queue = 'ordercache.shop.orders';
  const mes = await (await vhost.connect((await demoUser(vhost, 'mes')).amqpUri)).createConfirmChannel();
  mes.publish('mes', 'mes.order.status.NEW', Buffer.from('{}'), { persistent: true, mandatory: true });
  await mes.waitForConfirms();
  const channel = await (await vhost.connect(workerUri)).createConfirmChannel();
  const returned: string[] = [];
  channel.on('return', ({ fields }) => returned.push(fields.exchange));
  const publish = { persistent: true, mandatory: true };
  const take = () => untilMessage(channel, queue);
  const first = await take();
  channel.publish('ordercache.delay.1s', queue, first.content, publish);
  await channel.waitForConfirms();
  channel.ack(first);
  const again = await take();
  channel.sendToQueue(`${queue}.dead`, again.content, publish);
  await channel.waitForConfirms();
  channel.ack(again);
  assert.deepEqual(returned, []);
}

/** The operator waits for what the retry ladder may still return. */
async function untilReleased(release: () => Promise<ReleaseResult>): Promise<ReleaseResult> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const result = await release();
    if (result.kind !== 'Waiting' || Date.now() > deadline) return result;
    await sleep(result.seconds * 1_000);
  }
}

async function untilMessage(channel: Channel, queue: string) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const message = await channel.get(queue);
    if (message !== false) return message;
    if (Date.now() > deadline) throw new Error(`no message in ${queue} within 30 s`);
    await sleep(50);
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await sleep(50);
  }
}
