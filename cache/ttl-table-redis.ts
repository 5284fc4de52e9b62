import { ttlTableKey } from '../api/names.ts';
import type { RedisConnection } from './connect.ts';
import { RedisUnavailable } from './failure.ts';
import { Script } from './script.ts';
import { REPLACE } from './scripts/replace.ts';
import { decodeTtlTable, encodeTtlTable, type TtlTable } from './ttl-table.ts';

export { parseRedisAddress, type RedisAddress } from './address.ts';
export { type ConnectOptions, connectRedis, type RedisConnection, type RedisCredentials } from './connect.ts';
export { RedisFailure, RedisRefused, RedisUnavailable, RedisUriInvalid } from './failure.ts';
export { deleteRecords, type EraseProgress } from './ttl-table-erase.ts';

/** Called right before a write; throws when the caller may not write any more (it lost its leadership). */
export type WriteFence = () => void;

interface OwnedByOther extends TableOwner {
  readonly kind: 'OwnedByOther';
}

/** Whose table it is. A UID is never used again; an owner's text may be, by a policy of the same name. */
export interface TableOwner {
  readonly owner: string;
  readonly uid: string;
}

export type PublishResult =
  /** `before`: whose it was, if it was another policy's. */
  | { readonly kind: 'Published'; readonly before?: TableOwner }
  | { readonly kind: 'Unchanged' }
  | OwnedByOther
  /** A newer table of the same policy is there already. */
  | { readonly kind: 'Superseded'; readonly revision: number };

export type RetireResult = { readonly kind: 'Retired' } | { readonly kind: 'Absent' } | OwnedByOther;
export type DeleteResult = { readonly kind: 'Deleted' } | { readonly kind: 'Absent' } | OwnedByOther;

/** What to do with the text that is there: end with a result, or replace it (null: delete it) and end then. */
type Step<R> =
  | { readonly result: R }
  | { readonly replacement: string | null; readonly expireSeconds?: number; readonly afterwards: R };

const script = new Script(REPLACE);

/** Null when there is none that can be read. */
export async function readTtlTable(connection: RedisConnection, keyPrefix: string): Promise<TtlTable | null> {
  return decode(await connection.run((client) => client.get(ttlTableKey(keyPrefix))));
}

/**
 * Publishes a policy's table. Another owner's Active table stays, unless it is exactly the one of `takeOver`; a retired
 * one is taken over. Repeating it is without effect.
 */
export function publishTtlTable(
  connection: RedisConnection,
  keyPrefix: string,
  table: TtlTable,
  mayWrite?: WriteFence,
  takeOver?: TableOwner,
): Promise<PublishResult> {
  return change<PublishResult>(connection, keyPrefix, mayWrite, (current, text) => {
    const replacement = encodeTtlTable(table);
    if (text === replacement) return { result: { kind: 'Unchanged' } };
    const isOthers = current !== null && !isSameOwner(current, table);
    const isTakenOver = current?.owner === takeOver?.owner && current?.uid === takeOver?.uid;
    if (isOthers && current.state === 'Active' && !isTakenOver) return { result: otherOwner(current) };
    if (current?.state === 'Active' && current.uid === table.uid && current.revision > table.revision) {
      return { result: { kind: 'Superseded', revision: current.revision } };
    }
    if (!isOthers) return { replacement, afterwards: { kind: 'Published' } };
    const { owner, uid } = current;
    return { replacement, afterwards: { kind: 'Published', before: { owner, uid } } };
  });
}

/**
 * Marks the owner's table as retired: within 5 s no process writes or trusts records under this prefix. The mark
 * expires after the last record has.
 */
export function retireTtlTable(
  connection: RedisConnection,
  keyPrefix: string,
  owner: TableOwner,
  mayWrite?: WriteFence,
): Promise<RetireResult> {
  return change<RetireResult>(connection, keyPrefix, mayWrite, (current) => {
    if (current === null) return { result: { kind: 'Absent' } };
    if (!isSameOwner(current, owner)) return { result: otherOwner(current) };
    if (current.state === 'Retired') return { result: { kind: 'Retired' } };
    return {
      replacement: encodeTtlTable({ ...current, state: 'Retired' }),
      expireSeconds: longestLifeSeconds(current) + RETIRED_MARGIN_SECONDS,
      afterwards: { kind: 'Retired' },
    };
  });
}

export function deleteTtlTable(
  connection: RedisConnection,
  keyPrefix: string,
  owner: TableOwner,
  mayWrite?: WriteFence,
): Promise<DeleteResult> {
  return change<DeleteResult>(connection, keyPrefix, mayWrite, (current, text) => {
    if (text === null) return { result: { kind: 'Absent' } };
    if (current !== null && !isSameOwner(current, owner)) return { result: otherOwner(current) };
    return { replacement: null, afterwards: { kind: 'Deleted' } };
  });
}

const ATTEMPTS = 5;
/** Covers the time in which processes still write with the table that they have read. */
const RETIRED_MARGIN_SECONDS = 60;

/** Reads, decides and writes only if what was read is still there; else once more. */
async function change<R>(
  connection: RedisConnection,
  keyPrefix: string,
  mayWrite: WriteFence = () => {},
  decide: (current: TtlTable | null, text: string | null) => Step<R>,
): Promise<R> {
  const key = ttlTableKey(keyPrefix);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const text = await connection.run((client) => client.get(key));
    const step = decide(decode(text), text);
    if ('result' in step) return step.result;
    mayWrite();
    const replaced = await script.run(
      connection,
      [key],
      [text ?? '', step.replacement ?? '', String(step.expireSeconds ?? '')],
    );
    if (replaced === 1) return step.afterwards;
  }
  throw new RedisUnavailable('Contention', 'Redis is unavailable: others keep changing the TTL table');
}

function decode(text: string | null): TtlTable | null {
  return text === null ? null : decodeTtlTable(text);
}

function longestLifeSeconds({ defaultSeconds, statuses }: TtlTable): number {
  return Math.max(defaultSeconds, ...Object.values(statuses));
}

/** A policy's own table may bear the name that its installation had before. */
function isSameOwner(one: TableOwner, other: TableOwner): boolean {
  return one.owner === other.owner || one.uid === other.uid;
}

function otherOwner({ owner, uid }: TtlTable): OwnedByOther {
  return { kind: 'OwnedByOther', owner, uid };
}
