import { setTimeout as sleep } from 'node:timers/promises';
import { createReader, type Reader, type ReaderHooks, type ReaderOptions } from '../../cache/reader.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import type { Scope } from '../servers/scope.ts';
import { type CacheWorld, cacheWorld, TABLE } from './cache-world.ts';
import { until } from './worker-process.ts';

export const shipped = { status: 'SHIPPED', version: '3' };

/** The orders, and how often each was read. */
export class Database {
  readonly rows = new Map<string, { status: string; version: string }>();
  /** Orders of each call of `loadMany`. */
  readonly batches: (readonly string[])[] = [];
  /** Calls of `load`. */
  reads = 0;
  busy = 0;
  mostBusy = 0;
  delayMs = 5;
  /** While set, reads that have seen their rows wait for it. */
  held: Promise<void> | undefined;
  /** What every read fails with. */
  failure: Error | undefined;

  readonly load = async (orderId: string, signal: AbortSignal) => {
    this.reads += 1;
    const row = this.rows.get(orderId) ?? null;
    await this.#work(signal);
    return row;
  };

  readonly loadMany = async (orderIds: readonly string[], signal: AbortSignal) => {
    this.batches.push(orderIds);
    const found = orderIds.flatMap((orderId) => {
      const row = this.rows.get(orderId);
      return row === undefined ? [] : ([[orderId, row]] as const);
    });
    await this.#work(signal);
    return new Map(found);
  };

  /** Holds reads back from now on; the returned function lets them go. */
  hold(): () => void {
    let release = () => {};
    this.held = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.held = undefined;
      release();
    };
  }

  /** Resolves while a read is under way. */
  async untilRead(): Promise<void> {
    await until('the database is read', () => this.busy > 0);
  }

  async #work(signal: AbortSignal): Promise<void> {
    this.busy += 1;
    this.mostBusy = Math.max(this.mostBusy, this.busy);
    try {
      await this.held;
      await sleep(this.delayMs, undefined, { signal });
      if (this.failure !== undefined) throw this.failure;
    } finally {
      this.busy -= 1;
    }
  }
}

/** Longer than a busy machine makes anybody wait: for tests in which Redis answers and the lease's holder lives. */
const PATIENT = { redisTimeoutMs: 10_000, waitForOthersMs: 20_000, loadTimeoutMs: 20_000 } as const;

/** A reader of a world's records, and the database that it reads on a miss. */
export async function reading(
  scope: Scope,
  world: Pick<CacheWorld, 'uri' | 'keyPrefix'>,
  options: Partial<ReaderOptions> = {},
): Promise<{ reader: Reader; database: Database }> {
  const database = new Database();
  const { uri, keyPrefix } = world;
  const reader = createReader({ redis: { uri }, keyPrefix, load: database.load, ...PATIENT, ...options });
  scope.after(() => reader.close());
  return { reader, database };
}

/** The same with `loadMany`. */
export async function readingMany(
  scope: Scope,
  world: Pick<CacheWorld, 'uri' | 'keyPrefix'>,
  options: Partial<ReaderOptions> = {},
): Promise<{ reader: Reader; database: Database }> {
  const database = new Database();
  const { load, loadMany } = database;
  const { reader } = await reading(scope, world, { load, loadMany, ...options });
  return { reader, database };
}

export async function activeWorld(scope: Scope, ttl: Partial<TtlTable> = {}): Promise<CacheWorld> {
  const world = await cacheWorld(scope);
  await publishTtlTable(world.connection, world.keyPrefix, { ...TABLE, ...ttl });
  return world;
}

/** The table once more, after Redis came back empty. */
export async function publishWhenBack(world: CacheWorld): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await publishTtlTable(world.connection, world.keyPrefix, TABLE);
      return;
    } catch (error) {
      if (attempt > 300) throw error;
      await sleep(100);
    }
  }
}

/** Hooks that write down what they hear, as `name detail`. */
export function listening(): { readonly heard: string[]; readonly hooks: Required<ReaderHooks> } {
  const heard: string[] = [];
  const hear = (name: string, ...details: readonly unknown[]) =>
    void heard.push([name, ...details].join(' '));
  return {
    heard,
    hooks: {
      onHit: (orderId) => hear('hit', orderId),
      onMiss: (orderId) => hear('miss', orderId),
      onNegativeHit: (orderId) => hear('negative hit', orderId),
      onLoad: (orderId, _, outcome) => hear('load', orderId, outcome),
      onLoadMany: (orders, _, outcome) => hear('load many', orders, outcome),
      onFill: (orderId, outcome) => hear('fill', orderId, outcome),
      onRedisFailure: ({ reason }) => hear('redis failure', reason),
      onBreaker: (what, state) => hear('breaker', what, state),
      onOverload: () => hear('overload'),
    },
  };
}
