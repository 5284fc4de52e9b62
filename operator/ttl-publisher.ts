/** Writes, retires and erases TTL tables in Redis, and looks after those that are published. */
import { catchUpKey, ownerOf } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { TtlTable } from '../cache/ttl-table.ts';
import { FOLLOW_WITHIN_MS } from '../cache/ttl-table-follower.ts';
import {
  deleteRecords,
  deleteTtlTable,
  type EraseProgress,
  publishTtlTable,
  type RedisConnection,
  type RedisCredentials,
  RedisFailure,
  RedisUriInvalid,
  readTtlTable,
  retireTtlTable,
} from '../cache/ttl-table-redis.ts';
import type {
  EraseResult,
  Problem,
  RetireResult,
  TtlPublisher,
  TtlPublisherOptions,
  TtlResult,
} from './ports.ts';
import { TtlConnections } from './ttl-connections.ts';
import { ttlTableOf } from './ttl-table-of-policy.ts';
import { TtlWatch } from './ttl-watch.ts';

/** Everybody has read the retirement, and what was being written then is written. */
const RETIREMENT_MS = FOLLOW_WITHIN_MS + 1_000;
/** Deleting goes on in the next call after this. */
const ERASE_MS = 20_000;

export function createTtlPublisher({ installation, mayWrite, onDrift }: TtlPublisherOptions): TtlPublisher {
  const connections = new TtlConnections();
  const watch = new TtlWatch(onDrift);
  /** Since when a table is retired, by policy. A restarted operator waits once more. */
  const retiredAt = new Map<string, number>();
  /** How far the records of a policy are deleted. */
  const erased = new Map<string, EraseProgress>();

  const watchFor = (
    policy: OrderCachePolicy,
    credentials: RedisCredentials,
    expected: TtlTable | null | undefined,
  ) => {
    const { uid } = policy.metadata;
    const read = async () =>
      readTtlTable(await connections.use(uid, credentials), policy.spec.redis.keyPrefix);
    watch.expect(uid, read, expected);
  };

  const publish = async (policy: OrderCachePolicy, credentials: RedisCredentials): Promise<TtlResult> => {
    const { keyPrefix } = policy.spec.redis;
    const table = ttlTableOf(policy, installation);
    const connection = await connections.use(policy.metadata.uid, credentials);
    const result = await publishTtlTable(connection, keyPrefix, table, mayWrite);
    switch (result.kind) {
      case 'Published':
      case 'Unchanged':
        watchFor(policy, credentials, table);
        return { kind: 'Published', changed: result.kind === 'Published' };
      case 'Superseded':
        watchFor(policy, credentials, await readTtlTable(connection, keyPrefix));
        return { kind: 'Published', changed: false };
      case 'OwnedByOther':
        watchFor(policy, credentials, await readTtlTable(connection, keyPrefix));
        return keyPrefixConflict(keyPrefix, result.owner);
    }
  };

  const retire = async (policy: OrderCachePolicy, connection: RedisConnection) => {
    const owner = ownerOf(installation, policy.metadata);
    return retireTtlTable(connection, policy.spec.redis.keyPrefix, owner, mayWrite);
  };

  const erase = async (policy: OrderCachePolicy, credentials: RedisCredentials): Promise<EraseResult> => {
    const { uid } = policy.metadata;
    const { keyPrefix } = policy.spec.redis;
    const connection = await connections.use(uid, credentials);
    const { kind } = await retire(policy, connection);
    if (kind === 'OwnedByOther' || (kind === 'Absent' && !retiredAt.has(uid)))
      return { kind: 'Erased', records: 0 };
    const since = retiredAt.get(uid) ?? performance.now();
    retiredAt.set(uid, since);
    const left = since + RETIREMENT_MS - performance.now();
    if (left > 0) return waiting(left, 'Readers and workers are learning that the cache is retired');
    const progress: EraseProgress = erased.get(uid) ?? new Map();
    erased.set(uid, progress);
    const { kind: deleted, count } = await deleteRecords(connection, keyPrefix, {
      deadlineMs: ERASE_MS,
      progress,
      mayWrite,
    });
    if (deleted === 'DeadlineExceeded') return waiting(1_000, 'Records are being deleted');
    mayWrite();
    await connection.run((client) => client.del(catchUpKey(keyPrefix)));
    await deleteTtlTable(connection, keyPrefix, ownerOf(installation, policy.metadata), mayWrite);
    return { kind: 'Erased', records: count };
  };

  const forget = (policyUid: string) => {
    watch.forget(policyUid);
    connections.leave(policyUid);
    retiredAt.delete(policyUid);
    erased.delete(policyUid);
  };

  return {
    publish: async (policy, credentials) => {
      retiredAt.delete(policy.metadata.uid);
      erased.delete(policy.metadata.uid);
      try {
        return await publish(policy, credentials);
      } catch (error) {
        const problem = redisProblem(error);
        watchFor(policy, credentials, undefined);
        return problem;
      }
    },
    retire: async (policy, credentials): Promise<RetireResult> => {
      watch.forget(policy.metadata.uid);
      try {
        const { kind } = await retire(policy, await connections.use(policy.metadata.uid, credentials));
        return { kind: 'Retired', changed: kind === 'Retired' };
      } catch (error) {
        return redisProblem(error);
      }
    },
    erase: async (policy, credentials) => {
      watch.forget(policy.metadata.uid);
      try {
        return await erase(policy, credentials);
      } catch (error) {
        return redisProblem(error);
      }
    },
    forget,
    close: async () => {
      watch.close();
      connections.close();
    },
  };
}

function waiting(milliseconds: number, message: string): EraseResult {
  return { kind: 'Waiting', seconds: Math.ceil(milliseconds / 1000), message };
}

function keyPrefixConflict(keyPrefix: string, owner: string): Problem {
  const message = `Key prefix ${keyPrefix} on this Redis belongs to ${owner}; choose another spec.redis.keyPrefix`;
  return { kind: 'Problem', reason: 'KeyPrefixConflict', message, retryable: false };
}

/** What is no failure of Redis is thrown on: the fence, or a defect. */
function redisProblem(error: unknown): Problem {
  if (error instanceof RedisUriInvalid) {
    return { kind: 'Problem', reason: 'SecretInvalid', message: error.message, retryable: false };
  }
  if (!(error instanceof RedisFailure)) throw error;
  const { kind, message } = error;
  return kind === 'RedisUnavailable'
    ? { kind: 'Problem', reason: 'RedisUnavailable', message, retryable: true }
    : { kind: 'Problem', reason: 'RedisAccessRefused', message, retryable: false };
}
