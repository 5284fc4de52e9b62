import { Redis } from 'ioredis';
import pg from 'pg';
import { type OrderRow, readRows } from './database.ts';
import { type Audit, print } from './lines.ts';
import { type Settings, uri } from './settings.ts';

const PAGE = 1000;

/**
 * Walks every key under the prefix and compares each record with its row. It looks at Redis and PostgreSQL with
 * their plain clients, not through the code that it checks.
 */
export async function audit(settings: Settings): Promise<void> {
  const redis = new Redis(uri('REDIS_URI'), { commandTimeout: 10_000 });
  const database = new pg.Client({ connectionString: uri('DATABASE_URI'), statement_timeout: 60_000 });
  await database.connect();
  const result: Audit = {
    kind: 'audit',
    rows: 0,
    records: 0,
    placeholders: 0,
    stale: [],
    ttl: {},
  };
  const count = await database.query<{ count: string }>('SELECT count(*) FROM orders');
  result.rows = Number(count.rows[0]?.count);
  const keys = await scan(redis, `${settings.keyPrefix}*`);
  for (let from = 0; from < keys.length; from += PAGE) {
    await comparePage(result, redis, database, keys.slice(from, from + PAGE), settings.keyPrefix);
  }
  redis.disconnect();
  await database.end();
  print(result);
}

/** Tells one life of the Redis process from the next. */
export async function printRedisRunId(_: Settings): Promise<void> {
  const redis = new Redis(uri('REDIS_URI'), { commandTimeout: 10_000 });
  const runId = /run_id:(\w+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
  redis.disconnect();
  print({ kind: 'redis', runId });
}

async function scan(redis: Redis, pattern: string): Promise<string[]> {
  const keys = new Set<string>();
  for await (const page of redis.scanStream({ match: pattern, count: PAGE })) {
    for (const key of page as string[]) keys.add(key);
  }
  return [...keys];
}

async function comparePage(
  result: Audit,
  redis: Redis,
  database: pg.Client,
  keys: string[],
  keyPrefix: string,
) {
  const replies = await redis
    .pipeline(
      keys.flatMap((key) => [
        ['hmget', key, 'status', 'version'],
        ['pttl', key],
      ]),
    )
    .exec();
  const rows = await readRows(
    database,
    keys.map((key) => key.slice(keyPrefix.length)),
  );
  keys.forEach((key, i) => {
    const [status, version] = (replies?.[2 * i]?.[1] ?? []) as (string | null)[];
    if (status === null || status === undefined) {
      result.placeholders += 1;
      return;
    }
    result.records += 1;
    noteTtl(result, status, Number(replies?.[2 * i + 1]?.[1]) / 1000);
    const orderId = key.slice(keyPrefix.length);
    const difference = differs({ status, version: version ?? '' }, rows.get(orderId));
    if (difference !== undefined) result.stale.push({ orderId, ...difference });
  });
}

function differs(record: OrderRow, row: OrderRow | undefined): { record: string; row: string } | undefined {
  if (row !== undefined && row.status === record.status && row.version === record.version) return undefined;
  const shown = ({ status, version }: OrderRow) => `${status} at version ${version}`;
  return { record: shown(record), row: row === undefined ? 'no row' : shown(row) };
}

function noteTtl(result: Audit, status: string, seconds: number): void {
  const seen = result.ttl[status] ?? { shortest: seconds, longest: seconds };
  result.ttl[status] = {
    shortest: Math.min(seen.shortest, seconds),
    longest: Math.max(seen.longest, seconds),
  };
}
