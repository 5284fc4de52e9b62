/**
 * A program that reads orders as fast as it can, and tells its parent of every hit. `naive`: a cache-aside reader as it
 * is often written, without leases; the checker must find it out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createReader } from '../../cache/reader.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { orderId, type Random, someOrder } from './random.ts';
import { now } from './time.ts';

export interface ReaderSettings {
  readonly redisUri: string;
  readonly databaseUri: string;
  readonly keyPrefix: string;
  readonly orders: number;
  readonly seed: number;
  readonly naive: boolean;
}

/** What the parent gets several times a second. */
export interface ReadsReport {
  /** Three numbers for each hit: index of the order, change that the status names, when the read began. */
  readonly hits: Float64Array;
  readonly reads: number;
  readonly failures: number;
  /** Hits of an older row than a hit that had ended before. */
  readonly backwards: number;
}

const AT_A_TIME = 48;

type Read = (index: number) => Promise<string | null>;

const settings = JSON.parse(process.argv[2] ?? '{}') as ReaderSettings;
const pool = new pg.Pool({
  connectionString: settings.databaseUri,
  max: 8,
  connectionTimeoutMillis: 3_000,
  query_timeout: 3_000,
});
pool.on('error', () => undefined);

let [reads, failures, backwards] = [0, 0, 0];
let hits: number[] = [];
/** For each order: the newest row that a hit has shown, and when that hit ended. */
const newest = new Map<number, { readonly change: number; readonly endedAt: number }>();

async function load(id: string): Promise<{ status: string; version: string } | null> {
  const { rows } = await pool.query('SELECT status, version::text FROM orders WHERE id = $1', [id]);
  return rows[0] ?? null;
}

/** The status if it came from the cache, else null. */
function ownReader(): Read {
  const { redisUri, keyPrefix } = settings;
  const reader = createReader({ redis: { uri: redisUri }, keyPrefix, load });
  return async (index) => {
    const found = await reader.get(orderId(index));
    return found?.from === 'cache' ? found.status : null;
  };
}

function naiveReader(random: Random): Read {
  const redis = new Redis(settings.redisUri, { maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  return async (index) => {
    const key = settings.keyPrefix + orderId(index);
    const status = await redis.hget(key, 'status');
    if (status !== null) return status;
    const row = await load(orderId(index));
    await sleep(random() * 30);
    if (row !== null)
      await redis
        .multi()
        .hset(key, { ...row })
        .pexpire(key, 3_000)
        .exec();
    return null;
  };
}

async function readOn(read: Read, random: Random): Promise<never> {
  for (;;) {
    const index = someOrder(random, settings.orders);
    const startedAt = now();
    try {
      const status = await read(index);
      if (status !== null) hit(index, Number(status.slice(1)), startedAt);
    } catch {
      failures += 1;
      await sleep(5);
    }
    reads += 1;
  }
}

function hit(index: number, change: number, startedAt: number): void {
  hits.push(index, change, startedAt);
  const before = newest.get(index);
  if (before === undefined || change > before.change) newest.set(index, { change, endedAt: now() });
  else if (change < before.change && before.endedAt < startedAt) backwards += 1;
}

process.on('disconnect', () => process.exit(0));
setInterval(() => {
  const report: ReadsReport = { hits: Float64Array.from(hits), reads, failures, backwards };
  hits = [];
  // The parent may be gone at this moment.
  process.send?.(report, () => undefined);
}, 200);
const random = seededRandom(settings.seed);
const read = settings.naive ? naiveReader(random) : ownReader();
for (let reader = 0; reader < AT_A_TIME; reader += 1) void readOn(read, random);
