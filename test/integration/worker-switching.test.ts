import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { createReader, type Reader } from '../../cache/reader.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { faultProxy, type Scope } from '../servers/index.ts';
import { until, type WorkerProcess } from './worker-process.ts';
import { depth, type Stage, setStage, startConsuming } from './worker-stage.ts';
import { publishStamped, withWriter } from './worker-writing.ts';

const ORDERS = Array.from({ length: 6 }, (_, index) => `order-${index}`);
const STATUSES = ['NEW', 'PAID', 'SENT', 'DONE'];

/** So many hits at least are looked at. */
const HITS = 500;

/** Whole numbers below a bound, good enough to mix a load. */
function randomly(seed: number): (below: number) => number {
  const random = seededRandom(seed);
  return (below) => Math.floor(random() * below);
}

interface Load {
  changes: number;
  hits: number;
  /** What a reader saw go back in its hits. */
  readonly reversals: string[];
  running: boolean;
  /** Whether initiators may tell of a change before they commit it: only where a worker can wait for the row. */
  early: boolean;
}

/** Changes rows and tells of it: before the commit or after it, some twice; some roll back after they have told. */
async function initiate(stage: Stage, load: Load, random: (below: number) => number): Promise<void> {
  const client = await stage.database.pool.connect();
  while (load.running) {
    const orderId = ORDERS[random(ORDERS.length)] ?? '';
    const status = STATUSES[random(STATUSES.length)] ?? '';
    await client.query('BEGIN');
    const update =
      'UPDATE orders SET status = $2, version = version + 1 WHERE id = $1 RETURNING version::text';
    const { rows } = await client.query<{ version: string }>(update, [orderId, status]);
    const event = { orderId, status, version: rows[0]?.version ?? '' };
    const [early, rollsBack, twice] = [load.early && random(2) === 0, random(20) === 0, random(5) === 0];
    if (early) await publishStamped(stage, [event]);
    if (random(4) === 0) await sleep(random(30));
    await client.query(early && rollsBack ? 'ROLLBACK' : 'COMMIT');
    if (!early || twice) await publishStamped(stage, [event]);
    load.changes++;
    await sleep(random(10));
  }
  client.release();
}

/** One reader: over its hits, the versions of an order never go back. */
async function read(reader: Reader, load: Load, random: (below: number) => number): Promise<void> {
  const seen = new Map<string, bigint>();
  while (load.running) {
    const orderId = ORDERS[random(ORDERS.length)] ?? '';
    const found = await reader.get(orderId);
    await sleep(random(4));
    if (found === null || found.from === 'database' || found.version === null) continue;
    const [before, now] = [seen.get(orderId) ?? 0n, BigInt(found.version)];
    if (now < before) load.reversals.push(`${orderId}: ${now} after ${before}`);
    seen.set(orderId, now);
    load.hits++;
  }
}

function readerOn(stage: Stage): Reader {
  return createReader({
    redis: { uri: stage.credentials.redis?.uri ?? '' },
    keyPrefix: stage.keyPrefix,
    redisTimeoutMs: 10_000,
    loadTimeoutMs: 20_000,
    load: async (orderId) => {
      const query = 'SELECT status, version::text FROM orders WHERE id = $1';
      const { rows } = await stage.database.pool.query<{ status: string; version: string }>(query, [orderId]);
      // On its way to the reader the row grows old.
      await sleep(Math.random() * 40);
      return rows[0] ?? null;
    },
  });
}

const plain = (config: WorkerConfig) => config;
/** A policy's life: each line is a rolling update from the one before, with workers of both kinds at once. */
const CONFIGURATIONS: readonly ((config: WorkerConfig) => WorkerConfig)[] = [
  plain,
  (config) => withWriter(config, 'Worker'),
  (config) => ({ ...withWriter(config, 'Worker'), strategy: 'ReadThrough' }),
  (config) => ({ ...config, strategy: 'ReadThrough' }),
  withoutDatabase,
  plain,
];

function withoutDatabase({ database: _, ...config }: WorkerConfig): WorkerConfig {
  return { ...config, strategy: 'ReadThrough' };
}

/** Far from Redis and the database, so that what two workers do with an order overlaps. */
async function remote(t: Scope, { credentials }: Stage): Promise<Stage['credentials']> {
  const through = async (uri = '') => {
    const proxy = await faultProxy(t, uri);
    await proxy.delay(8);
    return { uri: proxy.through(uri) };
  };
  const { redis, database } = credentials;
  return { ...credentials, redis: await through(redis?.uri), database: await through(database?.uri) };
}

async function rollThrough(t: Scope, stage: Stage, load: Load): Promise<WorkerProcess[]> {
  const workers: WorkerProcess[] = [];
  const credentials = await remote(t, stage);
  for (const configured of CONFIGURATIONS) {
    const config = configured(stage.config);
    if (config.database === undefined) load.early = false;
    const [before] = workers.slice(-1);
    workers.push(await startConsuming(t, { ...stage, credentials, config }));
    await sleep(1_200);
    before?.kill('SIGTERM');
    await before?.exitCode;
    load.early = config.database !== undefined;
  }
  return workers;
}

/** Orders whose record is not their row. */
async function unequal(stage: Stage): Promise<string[]> {
  const { rows } = await stage.database.pool.query<{ id: string; row: string }>(
    `SELECT id, status || ' ' || version AS row FROM orders`,
  );
  const records = await Promise.all(
    rows.map(({ id }) => stage.redis.hmget(stage.keyPrefix + id, 'status', 'version')),
  );
  return rows.flatMap(({ id, row }, index) => {
    const [status, version] = records[index] ?? [];
    return status == null || `${status} ${version}` === row
      ? []
      : [`${id}: ${status} ${version}, row ${row}`];
  });
}

test('strategy and writer are switched back and forth under load: no reader sees an order go back, every record is its row', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`SEED=${seed}`);
  const stage = await setStage(t, { versioned: true, maxAttempts: 3, prefetchCount: 20 });
  await stage.database.pool.query(`INSERT INTO orders SELECT unnest($1::text[]), 'NEW', 1`, [ORDERS]);
  const load: Load = { changes: 0, hits: 0, reversals: [], running: true, early: true };
  const readers = [readerOn(stage), readerOn(stage), readerOn(stage)];
  const initiators = [1, 2].map((index) => initiate(stage, load, randomly(seed + index)));
  const reading = readers.map((reader, index) => read(reader, load, randomly(seed + 10 + index)));
  const workers = await rollThrough(t, stage, load);
  await until('there are hits to judge by', () => load.hits > HITS, 60_000);
  load.running = false;
  await Promise.all([...initiators, ...reading]);
  const [last] = workers.slice(-1);
  assert.ok(last !== undefined);
  const queues = ['orders', ...stage.topology.steps.map(({ exchange }) => exchange)];
  const quiet = async () => {
    const depths = await Promise.all(queues.map((queue) => depth(stage, queue)));
    return depths.every((messages) => messages === 0) && (await last.report()).inFlight === 0;
  };
  // Twice: what is dead-lettered out of a delay queue is in none of them for a moment.
  for (const _ of [1, 2]) {
    await until('every event has ended', quiet, 60_000);
    await sleep(300);
  }
  for (const reader of readers) await reader.close();

  t.diagnostic(`${load.changes} changes, ${load.hits} hits`);
  assert.deepEqual(load.reversals, []);
  assert.deepEqual(await unequal(stage), []);
  assert.equal(await depth(stage, stage.topology.deadLetterQueue), 0);
  for (const worker of workers) assert.ok(!worker.log.some(({ level }) => level === 'fatal'));
});
