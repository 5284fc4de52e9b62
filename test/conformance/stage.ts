import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ttlTableKey } from '../../api/names.ts';
import { encodeTtlTable, type TtlTable } from '../../cache/ttl-table.ts';
import { accountsOf } from '../../demo/manifests-accounts.ts';
import { redisAcl } from '../../demo/manifests-redis.ts';
import { type FaultProxy, faultProxy, type OwnRedis, type Scope } from '../servers/index.ts';
import { Subject } from './subject.ts';

/** What one check has: keys of its own, a table, and a reader whose account has the documented rights and no more. */
export interface Stage {
  readonly subject: Subject;
  readonly redis: Redis;
  readonly proxy: FaultProxy;
  readonly keyPrefix: string;
  key(orderId: string): string;
  /** Writes the TTL table with these changes; null deletes it. */
  table(changes: Partial<TtlTable> | null): Promise<void>;
  /** What the reader was not allowed to do. */
  refused(): Promise<readonly string[]>;
}

const TABLE: TtlTable = {
  state: 'Active',
  owner: 'conformance/shop/orders',
  uid: 'uid-1',
  revision: 1,
  defaultSeconds: 3600,
  jitterPercent: 10,
  absentSeconds: 20,
  statuses: { DELIVERED: 600 },
  versionSource: 'orders.version',
};

const accounts = accountsOf('conformance', 'shop');

export async function setStage(
  scope: Scope,
  server: OwnRedis,
  name: string,
  command: string,
  initial: Partial<TtlTable>,
): Promise<Stage> {
  const keyPrefix = `order-${name}:`;
  const redis = new Redis(server.uri, { commandTimeout: 20_000, maxRetriesPerRequest: 1 });
  redis.on('error', () => {});
  scope.after(async () => redis.disconnect());
  const line = redisAcl(accounts, keyPrefix).match(/^user readers (.*)$/m)?.[1] ?? '';
  await redis.acl('SETUSER', name, ...line.split(' '));
  const table = async (changes: Partial<TtlTable> | null) => {
    if (changes === null) await redis.del(ttlTableKey(keyPrefix));
    else await redis.set(ttlTableKey(keyPrefix), encodeTtlTable({ ...TABLE, ...changes }));
  };
  await table(initial);
  const proxy = await faultProxy(scope, server.uri);
  const password = accounts.password('redis', 'readers');
  const subject = Subject.start(scope, command, {
    ORDERCACHE_REDIS_URI: `redis://${name}:${password}@127.0.0.1:${proxy.port}/0`,
    ORDERCACHE_KEY_PREFIX: keyPrefix,
  });
  const refused = async () => {
    const log = (await redis.acl('LOG')) as string[][];
    return log
      .map((entry) => Object.fromEntries(pairs(entry)))
      .filter(({ username }) => username === name)
      .map(({ object }) => String(object));
  };
  return { subject, redis, proxy, keyPrefix, key: (orderId) => keyPrefix + orderId, table, refused };
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, flat[index + 1] ?? '']] : [],
  );
}

/** Resolves once it holds; throws after so many milliseconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, milliseconds = 60_000) {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`expected within ${milliseconds} ms: ${what}`);
    await sleep(20);
  }
}
