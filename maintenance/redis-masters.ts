import type { MasterConnection, RedisConnection } from '../cache/connect.ts';
import { RedisUnavailable } from '../cache/failure.ts';
import { keysPattern } from '../cache/keys.ts';
import { type ClusterView, infoField, type Place, placeOf, readClusterNodes } from './redis-place.ts';

/** Asks each master which process it is and what it holds. @throws RedisFailure */
export async function observePlace(connection: RedisConnection): Promise<Place> {
  const masters: { runId: string; cluster: ClusterView | undefined }[] = [];
  await connection.onEachMaster(async (master) => {
    const runId = await runIdOf(master);
    masters.push({ runId, cluster: connection.kind === 'Cluster' ? await clusterView(master) : undefined });
  });
  return placeOf(masters);
}

/**
 * The run id of this master, which changes with the process.
 * @throws RedisUnavailable when it is a replica, whose keys are of the past
 */
export async function runIdOf(master: MasterConnection): Promise<string> {
  const [server, replication] = await master.run((client) =>
    Promise.all([client.info('server'), client.info('replication')]),
  );
  const runId = infoField(server, 'run_id');
  if (infoField(replication, 'role') !== 'master' || runId === undefined) {
    throw new RedisUnavailable('READONLY', 'Redis is unavailable: expected a master, got a replica');
  }
  return runId;
}

async function clusterView(master: MasterConnection): Promise<ClusterView> {
  const text = await master.run((client) => client.cluster('NODES'));
  const view = readClusterNodes(String(text));
  if (view === undefined) {
    throw new RedisUnavailable('CLUSTERDOWN', 'Redis is unavailable: expected a master with slots');
  }
  return view;
}

export interface Page {
  /** For the next page; `0`: there is none. */
  readonly next: string;
  /** Each key once. */
  readonly keys: readonly string[];
}

/** Some hashes under the prefix, and where to go on. Redis looks at about `count` keys of its own for it. */
export async function scanPage(
  master: MasterConnection,
  keyPrefix: string,
  cursor: string,
  count: number,
): Promise<Page> {
  const pattern = keysPattern(keyPrefix);
  const [next, keys] = await master.run((client) =>
    client.scan(cursor, 'MATCH', pattern, 'COUNT', count, 'TYPE', 'hash'),
  );
  return { next, keys: [...new Set(keys)] };
}
