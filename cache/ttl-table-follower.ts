import type { RedisConnection } from './connect.ts';
import { type RedisFailure, redisFailure } from './failure.ts';
import type { TtlTable } from './ttl-table.ts';
import { readTtlTable } from './ttl-table-redis.ts';

/** A change of the table has reached every process after this, in milliseconds. */
export const FOLLOW_WITHIN_MS = 5000;
const POLL_MS = 2000;

export interface FollowOptions {
  /** Called when `current()` changes. */
  readonly onChange?: (table: TtlTable | null) => void;
  readonly onError?: (failure: RedisFailure) => void;
}

export interface TtlTableFollower {
  /** The Active table as it was within the last 5 s; null if there is none, or none could be read for so long. */
  current(): TtlTable | null;
  /** Resolves after the first attempt to read, whatever came of it. */
  readonly firstRead: Promise<void>;
  close(): void;
}

/** Follows a policy's TTL table by reading it every 2 s. */
export function followTtlTable(
  connection: RedisConnection,
  keyPrefix: string,
  { onChange, onError }: FollowOptions = {},
): TtlTableFollower {
  let known: { readonly table: TtlTable | null; readonly askedAt: number } | undefined;
  let told: TtlTable | null = null;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  /** Counted from when it was asked: the answer may be that old. */
  const current = () => {
    if (known === undefined || performance.now() - known.askedAt > FOLLOW_WITHIN_MS) return null;
    return known.table?.state === 'Active' ? known.table : null;
  };
  const read = async () => {
    try {
      if (known === undefined) await connection.ready();
      const askedAt = performance.now();
      known = { table: await readTtlTable(connection, keyPrefix), askedAt };
    } catch (error) {
      onError?.(redisFailure(error));
    }
  };
  const tell = () => {
    const table = current();
    if (closed || (table?.uid === told?.uid && table?.revision === told?.revision)) return;
    told = table;
    onChange?.(table);
  };
  const poll = async () => {
    await read();
    tell();
    if (!closed) timer = setTimeout(poll, current() === null ? POLL_MS / 4 : POLL_MS);
  };
  return {
    current,
    firstRead: poll(),
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}
