import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { Redis } from 'ioredis';
import { catchUpKey } from '../../api/names.ts';
import { decodeState } from '../../maintenance/catch-up-state.ts';
import { faultProxy, freePort, ownCluster, ownRedis, type Scope } from '../servers/index.ts';
import { catchUpStage, ids, KEY_PREFIX } from './catch-up-stage.ts';
import { until } from './worker-process.ts';

/** The catch-up where Redis is more than one process. */

function client(scope: Scope, port: number): Redis {
  const redis = new Redis({ port, commandTimeout: 20_000 });
  redis.on('error', () => undefined);
  scope.after(async () => redis.disconnect());
  return redis;
}

async function onCluster(scope: Scope) {
  const { uri, masters } = await ownCluster(scope);
  const [first] = masters;
  assert.ok(first);
  const stage = await catchUpStage(scope, first.uri, { uri });
  const nodes = masters.map(({ port }) => client(scope, port));
  const slotsOf = async (node: Redis) => {
    const own = String(await node.cluster('NODES'))
      .split('\n')
      .find((line) => line.includes('myself'));
    const [low = 0, high = 0] = (own?.split(' ')[8] ?? '').split('-').map(Number);
    return { id: own?.split(' ')[0] ?? '', low, high };
  };
  const homes = await Promise.all(nodes.map(async (node) => ({ node, ...(await slotsOf(node)) })));
  /** The node that holds a key, as the Cluster was formed. */
  const homeOf = async (key: string) => {
    const slot = await (homes[0]?.node.cluster('KEYSLOT', key) ?? 0);
    const home = homes.find(({ low, high }) => Number(slot) >= low && Number(slot) <= high);
    assert.ok(home);
    return { slot: Number(slot), home };
  };
  return { stage, masters, homes, homeOf };
}

type Cluster = Awaited<ReturnType<typeof onCluster>>;

async function fill(
  { stage, homeOf }: Cluster,
  orderIds: readonly string[],
  status: string,
  version: number,
) {
  for (const id of orderIds)
    await stage.records([id], status, version, (await homeOf(KEY_PREFIX + id)).home.node);
}

async function staleOn({ stage, homes }: Cluster, orderIds: readonly string[], status: string) {
  let stale = 0;
  for (const { node } of homes) {
    const here = (await node.keys(`${KEY_PREFIX}*`)).map((key) => key.slice(KEY_PREFIX.length));
    const ours = orderIds.filter((id) => here.includes(id));
    stale += await stage.stale(ours, status, node);
  }
  return stale;
}

it('on a Cluster every master is walked, and a restart of one makes all be walked again', async (t) => {
  const cluster = await onCluster(t);
  const { stage, masters } = cluster;
  const orders = ids(150);
  await stage.rows(orders, 'SENT', 2);
  await fill(cluster, orders, 'NEW', 1);
  const pod = await stage.maintenance();
  const first = await pod.completed();
  assert.deepEqual([first.orders, first.updated], [orders.length, orders.length]);
  assert.equal(await staleOn(cluster, orders, 'SENT'), 0);

  await fill(cluster, orders, 'NEW', 1);
  const last = masters[2];
  const saved = cluster.homes[2]?.node;
  assert.ok(last && saved);
  await saved.save();
  await last.kill();
  await last.start();
  const again = await pod.completed(first, 30_000);
  assert.equal(again.trigger, 'RedisChanged');
  assert.equal(await staleOn(cluster, orders, 'SENT'), 0);
});

it('an order that moves to a master which is walked already is found all the same', async (t) => {
  const cluster = await onCluster(t);
  const { stage, homes, homeOf } = cluster;
  const orders = ids(120);
  await stage.rows(orders, 'SENT', 2);
  await fill(cluster, orders, 'NEW', 1);
  const pod = await stage.maintenance({ maxOrdersPerSecond: 40 });
  const stateKey = catchUpKey(KEY_PREFIX);
  const { home: keeper } = await homeOf(stateKey);
  // The last one: the walk of the one before it is under way.
  const walks = await until('one master is walked, and one not begun', async () => {
    const found = decodeState(await keeper.node.get(stateKey))?.walks ?? [];
    const [done, untouched] = [
      found.find((one) => one.cursor === null),
      found.findLast((one) => one.cursor === '0'),
    ];
    return done && untouched && { done, untouched };
  });
  pod.kill('SIGSTOP');
  const nodeOf = (slots: string) => homes.find(({ id }) => slots.startsWith(id));
  const [to, from] = [nodeOf(walks.done.slots), nodeOf(walks.untouched.slots)];
  assert.ok(to && from);

  const [key] = await from.node.keys(`${KEY_PREFIX}*`);
  assert.ok(key);
  const { slot } = await homeOf(key);
  await to.node.cluster('SETSLOT', slot, 'IMPORTING', from.id);
  await from.node.cluster('SETSLOT', slot, 'MIGRATING', to.id);
  const keys = (await from.node.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
  await from.node.migrate('127.0.0.1', `${to.node.options.port}`, '', 0, 5_000, 'KEYS', ...keys);
  for (const { node } of [to, from, ...homes]) await node.cluster('SETSLOT', slot, 'NODE', to.id);
  assert.equal(await to.node.hget(key, 'status'), 'NEW', 'it is stale where it is now');
  pod.kill('SIGCONT');

  const report = await pod.completed(undefined, 30_000);
  assert.ok(pod.log.some(({ msg }) => msg === 'keys have moved meanwhile: all are walked again'));
  assert.equal(await staleOn(cluster, orders, 'SENT'), 0);
  assert.ok(report.orders > orders.length);
});

it('a failover by Sentinel that loses writes is caught up with', async (t) => {
  const [master, orders] = [await ownRedis(t), ids(600)];
  const proxy = await faultProxy(t, master.uri);
  const replica = await ownRedis(t, ['--replicaof', '127.0.0.1', `${proxy.port}`]);
  const [lost, promoted] = [client(t, master.port), client(t, replica.port)];
  const stage = await catchUpStage(t, master.uri);
  await stage.rows(orders, 'NEW', 1);
  await stage.records(orders, 'NEW', 1);
  const sentinel = await sentinelFor(t, proxy.port);
  await until('the replica is known and has everything', async () => {
    const known = (await client(t, sentinel).call('SENTINEL', 'REPLICAS', 'main')) as unknown[];
    return known.length === 1 && (await promoted.keys('order:*')).length === orders.length;
  });
  const uri = `redis://127.0.0.1:${sentinel}?mode=sentinel&name=main`;
  const credentials = { redis: { uri }, database: { uri: stage.database.uri } };
  const pod = await stage.maintenance({ credentials });
  const first = await pod.completed();
  await proxy.blackHole();
  await stage.rows(orders, 'SENT', 2);
  await stage.records(orders, 'SENT', 2, lost);
  assert.equal(await stage.stale(orders, 'SENT', promoted), orders.length, 'the writes are lost');

  const report = await pod.completed(first, 30_000);
  assert.equal(report.trigger, 'RedisChanged');
  assert.match(await promoted.info('replication'), /role:master/);
  assert.equal(await stage.stale(orders, 'SENT', promoted), 0);
});

/** A Sentinel that watches the master of this port under the name `main`, and fails it over within a second or two. */
async function sentinelFor(scope: Scope, masterPort: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-sentinel-'));
  const port = await freePort();
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    'daemonize yes',
    `pidfile ${directory}/pid`,
    `sentinel monitor main 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds main 700',
    'sentinel failover-timeout main 5000',
  ];
  const file = join(directory, 'sentinel.conf');
  writeFileSync(file, `${lines.join('\n')}\n`);
  execFileSync('redis-server', [file, '--sentinel']);
  scope.after(async () => {
    process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  return port;
}
