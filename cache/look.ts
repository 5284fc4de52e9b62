import type { RedisConnection } from './connect.ts';
import { RedisFailure, redisFailure } from './failure.ts';
import { FIELDS } from './keys.ts';
import { type LookOutcome, readLook } from './outcomes.ts';

const LOOKED_AT = [FIELDS.status, FIELDS.version, FIELDS.source, FIELDS.lease] as const;

/** What a key says to a reader. A key that is no hash is not ours: a miss. Rejects with RedisFailure. */
export async function lookAt(connection: RedisConnection, key: string): Promise<LookOutcome> {
  try {
    return readLook(await connection.run((client) => client.hmget(key, ...LOOKED_AT)));
  } catch (error) {
    return missOrThrow(error);
  }
}

/**
 * The same for many keys, in their order: one pipeline to a Server, one to each master of a Cluster. A key may fail by
 * itself; rejects with RedisFailure when nothing was answered at all.
 */
export async function lookAtMany(
  connection: RedisConnection,
  keys: readonly string[],
): Promise<readonly (LookOutcome | RedisFailure)[]> {
  const looked =
    connection.kind === 'Cluster'
      ? await Promise.all(keys.map((key) => lookAt(connection, key).catch(redisFailure)))
      : await lookInPipeline(connection, keys);
  const [first] = looked;
  if (first instanceof RedisFailure && looked.every((each) => each instanceof RedisFailure)) throw first;
  return looked;
}

async function lookInPipeline(
  connection: RedisConnection,
  keys: readonly string[],
): Promise<readonly (LookOutcome | RedisFailure)[]> {
  const replies = await connection.run((client) => {
    const pipeline = client.pipeline();
    for (const key of keys) pipeline.hmget(key, ...LOOKED_AT);
    return pipeline.exec();
  });
  return (replies ?? []).map(([error, fields]): LookOutcome | RedisFailure => {
    if (error === null) return readLook(fields as readonly unknown[]);
    const failure = redisFailure(error);
    return isNoHash(failure) ? { kind: 'miss' } : failure;
  });
}

function missOrThrow(error: unknown): LookOutcome {
  if (isNoHash(error)) return { kind: 'miss' };
  throw error;
}

function isNoHash(error: unknown): boolean {
  return error instanceof RedisFailure && error.reason === 'WRONGTYPE';
}
