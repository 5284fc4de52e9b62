/** Writes, retires and erases TTL tables in Redis, and looks after those that are published. */
import { ADOPT_ANNOTATION, adoptableOwners, catchUpKey, ownerOf } from '../api/names.ts';
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
  type TableOwner,
} from '../cache/ttl-table-redis.ts';
import { type OwnerState, UNKNOWN_OWNERS } from './claim-owners.ts';
import type {
  EraseResult,
  Problem,
  RetireResult,
  TakenOver,
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

export function createTtlPublisher(options: TtlPublisherOptions): TtlPublisher {
  const { installation, mayWrite, onDrift, owners = UNKNOWN_OWNERS } = options;
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
    let result = await publishTtlTable(connection, keyPrefix, table, mayWrite);
    let takenOver: TakenOver | undefined;
    if (result.kind === 'OwnedByOther') {
      const other = result;
      const state = await owners.stateOf(other.owner, ({ metadata }) => metadata.uid === other.uid);
      const isNamed = adoptableOwners(policy.metadata.annotations).includes(other.owner);
      if (state !== 'Gone' && (state === 'Exists' || !isNamed)) {
        watchFor(policy, credentials, await readTtlTable(connection, keyPrefix));
        return keyPrefixConflict(keyPrefix, other.owner, state);
      }
      result = await publishTtlTable(connection, keyPrefix, table, mayWrite, other);
      takenOver = { owner: other.owner, because: state === 'Gone' ? 'OwnerGone' : 'Annotation' };
    }
    switch (result.kind) {
      case 'Published':
        await askForCatchUp(connection, keyPrefix, result.before, table);
        watchFor(policy, credentials, table);
        return { kind: 'Published', changed: true, ...(takenOver && { takenOver }) };
      case 'Unchanged':
        watchFor(policy, credentials, table);
        return { kind: 'Published', changed: false };
      case 'Superseded':
        watchFor(policy, credentials, await readTtlTable(connection, keyPrefix));
        return { kind: 'Published', changed: false };
      case 'OwnedByOther':
        watchFor(policy, credentials, await readTtlTable(connection, keyPrefix));
        return keyPrefixConflict(keyPrefix, result.owner, 'Unknown');
    }
  };

  /** Nobody of ours has kept the records of another owner: the maintenance pod is to start as with a new cache. */
  const askForCatchUp = async (
    connection: RedisConnection,
    keyPrefix: string,
    before: TableOwner | undefined,
    { owner }: TtlTable,
  ) => {
    if (before === undefined || before.owner === owner) return;
    mayWrite();
    await connection.run((client) => client.del(catchUpKey(keyPrefix)));
  };

  const tableOwner = ({ metadata }: OrderCachePolicy): TableOwner => ({
    owner: ownerOf(installation, metadata),
    uid: metadata.uid,
  });

  const retire = async (policy: OrderCachePolicy, connection: RedisConnection) => {
    return retireTtlTable(connection, policy.spec.redis.keyPrefix, tableOwner(policy), mayWrite);
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
    await deleteTtlTable(connection, keyPrefix, tableOwner(policy), mayWrite);
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

function keyPrefixConflict(keyPrefix: string, owner: string, state: OwnerState): Problem {
  const what = `Key prefix ${keyPrefix} on this Redis belongs to ${owner}`;
  const message =
    state === 'Exists'
      ? `${what}, which exists; delete that policy, or choose another spec.redis.keyPrefix`
      : `${what}; choose another spec.redis.keyPrefix, or, if that owner is gone, take it over: set the annotation ` +
        `${ADOPT_ANNOTATION}: ${owner} on this OrderCachePolicy`;
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
