import { Redis } from 'ioredis';
import { connectRedis, type RedisConnection } from '../../cache/connect.ts';
import { OrderCache, SCRIPTS } from '../../cache/order-cache.ts';
import { Script } from '../../cache/script.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { testRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';

export const SOURCE = 'orders.version';

export const TABLE: TtlTable = {
  state: 'Active',
  owner: 'test/shop/orders',
  uid: 'uid-1',
  revision: 1,
  defaultSeconds: 3600,
  jitterPercent: 10,
  absentSeconds: 20,
  statuses: { DELIVERED: 600 },
  versionSource: SOURCE,
};

/** Deadlines of a connection that is to work, however busy the machine is. */
export const PATIENT = { commandTimeoutMs: 20_000, connectTimeoutMs: 20_000 } as const;

/** A cache of a test's own in the shared Redis, with a plain client beside it that sees what is really there. */
export interface CacheWorld {
  readonly cache: OrderCache;
  readonly connection: RedisConnection;
  readonly redis: Redis;
  readonly keyPrefix: string;
  readonly uri: string;
  key(orderId: string): string;
  hash(orderId: string): Promise<Record<string, string>>;
  /** Ends the connections, so that a test file can exit. */
  close(): Promise<void>;
}

export async function cacheWorld(scope: Scope, scripts = SCRIPTS): Promise<CacheWorld> {
  const { uri, keyPrefix } = await testRedis(scope);
  return openCache(scope, uri, keyPrefix, scripts);
}

export async function openCache(
  scope: Scope,
  uri: string,
  keyPrefix: string,
  scripts = SCRIPTS,
): Promise<CacheWorld> {
  const connection = connectRedis({ uri }, PATIENT);
  const redis = new Redis(uri, { commandTimeout: PATIENT.commandTimeoutMs, maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  await connection.ready();
  const close = async () => {
    connection.close();
    redis.disconnect();
  };
  scope.after(close);
  const key = (orderId: string) => keyPrefix + orderId;
  return {
    cache: new OrderCache(connection, { keyPrefix, versionSource: SOURCE }, scripts),
    connection,
    redis,
    keyPrefix,
    uri,
    key,
    hash: (orderId) => redis.hgetall(key(orderId)),
    close,
  };
}

/** The scripts, one of them without a part of it: a fence taken down. */
export function without(
  name: keyof typeof SCRIPTS,
  text: string,
  part: string,
  instead = '',
): typeof SCRIPTS {
  if (!text.includes(part)) throw new Error(`the script ${name} has no such part: ${part}`);
  return { ...SCRIPTS, [name]: new Script(text.replaceAll(part, () => instead)) };
}
