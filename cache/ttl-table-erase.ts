import type { MasterConnection, RedisConnection } from './connect.ts';
import { keysPattern } from './keys.ts';

export interface EraseOptions {
  /** For the whole of it, in milliseconds; repeating it goes on. */
  readonly deadlineMs: number;
  /** Called right before each write; throws when the caller may not write any more. */
  readonly mayWrite?: () => void;
}

export interface EraseResult {
  readonly kind: 'Deleted' | 'DeadlineExceeded';
  /** Keys that this call deleted. */
  readonly count: number;
}

/**
 * Deletes all records and placeholders under a prefix, on all masters; other kinds of keys stay. Retire the TTL table
 * first and wait until every process has seen it (5 s), else a reader fills behind its back. Rejects with RedisFailure.
 */
export async function deleteRecords(
  connection: RedisConnection,
  keyPrefix: string,
  { deadlineMs, mayWrite = () => {} }: EraseOptions,
): Promise<EraseResult> {
  const pattern = keysPattern(keyPrefix);
  const until = Date.now() + deadlineMs;
  let count = 0;
  let complete = true;
  await connection.onEachMaster(async (master) => {
    let cursor: string | undefined = '0';
    do {
      if (Date.now() >= until) {
        complete = false;
        return;
      }
      const [next, keys]: [string, string[]] = await scan(master, cursor, pattern);
      mayWrite();
      count += await unlink(master, keys);
      cursor = next;
    } while (cursor !== '0');
  });
  return { kind: complete ? 'Deleted' : 'DeadlineExceeded', count };
}

function scan(master: MasterConnection, cursor: string, pattern: string): Promise<[string, string[]]> {
  return master.run((client) => client.scan(cursor, 'MATCH', pattern, 'COUNT', 1000, 'TYPE', 'hash'));
}

/** One command for each key, because keys of one master of a Cluster have different slots. */
async function unlink(master: MasterConnection, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) return 0;
  const deleted = await master.run((client) => Promise.all(keys.map((key) => client.unlink(key))));
  return deleted.reduce((sum, each) => sum + each, 0);
}
