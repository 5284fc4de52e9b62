import type { MasterConnection, RedisConnection } from './connect.ts';
import { RedisRefused } from './failure.ts';
import { keysPattern } from './keys.ts';

/** How far each master has been gone through: the cursor for its next SCAN, or null at its end, by run id. */
export type EraseProgress = Map<string, string | null>;

export interface EraseOptions {
  /** For the whole of it, in milliseconds. */
  readonly deadlineMs: number;
  /**
   * The same for each repetition, which goes on where the one before has ended: SCAN passes the keys of others, too, and
   * with very many of them no single call comes to the end. Default: from the start.
   */
  readonly progress?: EraseProgress;
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
  { deadlineMs, progress = new Map(), mayWrite = () => {} }: EraseOptions,
): Promise<EraseResult> {
  const pattern = keysPattern(keyPrefix);
  const until = performance.now() + deadlineMs;
  let count = 0;
  let complete = true;
  await connection.onEachMaster(async (master) => {
    const runId = await runIdOf(master);
    for (let cursor = cursorOf(progress, runId); cursor !== null; ) {
      if (performance.now() >= until) {
        complete = false;
        return;
      }
      const [next, keys]: [string, string[]] = await scan(master, cursor, pattern);
      mayWrite();
      count += await unlink(master, keys);
      cursor = next === '0' ? null : next;
      if (runId !== undefined) progress.set(runId, cursor);
    }
  });
  return { kind: complete ? 'Deleted' : 'DeadlineExceeded', count };
}

function cursorOf(progress: EraseProgress, runId: string | undefined): string | null {
  const known = runId === undefined ? undefined : progress.get(runId);
  return known === undefined ? '0' : known;
}

/** A cursor means nothing to another process, so not after a restart. Undefined: the account may not ask. */
async function runIdOf(master: MasterConnection): Promise<string | undefined> {
  try {
    const server = await master.run((client) => client.info('server'));
    return /^run_id:(\w+)/m.exec(server)?.[1];
  } catch (error) {
    if (error instanceof RedisRefused) return undefined;
    throw error;
  }
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
