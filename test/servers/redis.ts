import { Redis } from 'ioredis';
import { ensureServers } from './ensure.ts';
import { type Scope, uniqueName } from './scope.ts';

/** A part of the shared Redis: every key of the test must begin with the prefix. */
export interface TestRedis {
  readonly uri: string;
  readonly keyPrefix: string;
  /** Removes every key with the prefix; runs by itself after the test. */
  cleanup(): Promise<void>;
}

export async function testRedis(scope: Scope): Promise<TestRedis> {
  const { redisUri } = await ensureServers();
  const keyPrefix = `${uniqueName()}:`;
  const cleanup = () => removeKeys(redisUri, keyPrefix);
  scope.after(cleanup);
  return { uri: redisUri, keyPrefix, cleanup };
}

/** Also keys that have the prefix further inside, such as `{prefix}` in braces. */
async function removeKeys(uri: string, keyPrefix: string): Promise<void> {
  const redis = new Redis(uri, { commandTimeout: 10_000, maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  try {
    for await (const keys of redis.scanStream({ match: `*${keyPrefix}*`, count: 10_000 })) {
      if (keys.length > 0) await redis.unlink(...(keys as string[]));
    }
  } finally {
    redis.disconnect();
  }
}
