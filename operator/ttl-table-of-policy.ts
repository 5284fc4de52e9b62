import { ownerOf } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import { versionSource } from '../api/worker-config.ts';
import type { TtlTable } from '../cache/ttl-table.ts';

/** The TTL table that a policy declares; its revision is the generation. Pure. */
export function ttlTableOf(policy: OrderCachePolicy, installation: string): TtlTable {
  const { ttl, database } = policy.spec;
  return {
    state: 'Active',
    owner: ownerOf(installation, policy.metadata),
    uid: policy.metadata.uid,
    revision: policy.metadata.generation,
    defaultSeconds: ttl.defaultSeconds,
    jitterPercent: ttl.jitterPercent,
    absentSeconds: ttl.absentSeconds,
    statuses: Object.fromEntries(ttl.statuses.map(({ status, seconds }) => [status, seconds])),
    versionSource: database === undefined ? null : versionSource(database),
  };
}
