import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { type OwnRedis, ownRedis } from './own-redis.ts';
import type { Scope } from './scope.ts';

/** A Redis Cluster of the test's own: three masters on loopback, without replicas. */
export interface OwnCluster {
  readonly uri: string;
  readonly masters: readonly OwnRedis[];
}

const SLOTS = [
  [0, 5461],
  [5462, 10_922],
  [10_923, 16_383],
] as const;

/** Resolves when every master answers for all slots. */
export async function ownCluster(scope: Scope): Promise<OwnCluster> {
  const nodes = await Promise.all(SLOTS.map((range) => node(scope, range)));
  const [first, ...others] = nodes;
  for (const { port, bus } of others) await first?.client.call('CLUSTER', 'MEET', '127.0.0.1', port, bus);
  for (const { client } of nodes) await untilWhole(client);
  for (const { client } of nodes) client.disconnect();
  const masters = nodes.map(({ server }) => server);
  return { uri: `${masters.map(({ uri }) => uri).join(',')}?mode=cluster`, masters };
}

async function node(scope: Scope, slots: readonly [number, number]) {
  const bus = await freePort();
  const server = await ownRedis(scope, ['--cluster-enabled', 'yes', '--cluster-port', String(bus)]);
  const client = new Redis(server.uri, { commandTimeout: 20_000 });
  client.on('error', () => {});
  await client.cluster('ADDSLOTSRANGE', ...slots);
  return { server, bus, port: server.port, client };
}

async function untilWhole(client: Redis): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    const info = String(await client.cluster('INFO'));
    if (info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')) return;
    await sleep(50);
  }
  throw new Error('the cluster did not form');
}
