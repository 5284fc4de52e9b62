import { setTimeout as sleep } from 'node:timers/promises';
import { CircuitBreaker } from './circuit-breaker.ts';
import { connectRedis } from './connect.ts';
import { redisFailure } from './failure.ts';
import { isCacheable } from './keys.ts';
import { LoadLimit } from './load-limit.ts';
import { type LeaseOutcome, OrderCache } from './order-cache.ts';
import {
  type LoadedRow,
  type ReaderHooks,
  type ReaderOptions,
  type ReaderSettings,
  readerSettings,
  readLoadedRow,
} from './reader-options.ts';
import type { Row } from './record.ts';
import { SingleFlight } from './single-flight.ts';
import { followTtlTable, type TtlTableFollower } from './ttl-table-follower.ts';

export type { RedisCredentials } from './connect.ts';
export { RedisFailure, RedisRefused, RedisUnavailable, RedisUriInvalid } from './failure.ts';
export { LoadTimeout, ReaderOverloaded } from './load-limit.ts';
export type { LoadedRow, ReaderHooks, ReaderOptions } from './reader-options.ts';

/** The status of an order. */
export interface OrderStatus {
  readonly status: string;
  /** Decimal digits, of any length; null when it is not known. */
  readonly version: string | null;
  readonly from: 'cache' | 'database';
}

/** Reads the status of orders through the cache that an OrderCachePolicy declares. */
export interface Reader {
  /**
   * The status of an order; null when the database has no such order. From Redis if it is there; else from the
   * database, which is read once however many callers wait, and kept in Redis for the next. With Redis slow, away or
   * without a policy's TTL table, from the database. Never fails because of Redis.
   * @throws what `load` throws, LoadTimeout, ReaderOverloaded
   */
  get(orderId: string): Promise<OrderStatus | null>;
  /** Ends the connection to Redis. Calls in flight end by way of the database. */
  close(): Promise<void>;
}

/**
 * Makes a reader. It connects in the background and is of use at once.
 * @throws RedisUriInvalid, TypeError when an option is wrong
 */
export function createReader(options: ReaderOptions): Reader {
  return new CachedReader(options);
}

const UNAVAILABLE = Symbol('Redis is unavailable');

class CachedReader implements Reader {
  readonly #settings: ReaderSettings;
  readonly #load: ReaderOptions['load'];
  readonly #hooks: ReaderHooks;
  readonly #cache: OrderCache;
  readonly #table: TtlTableFollower;
  readonly #started: Promise<unknown>;
  readonly #limit: LoadLimit;
  readonly #flights = new SingleFlight<OrderStatus | null>();
  readonly #breaker = new CircuitBreaker({ failures: 3, openMs: 1000, now: () => performance.now() });
  readonly #disconnect: () => void;

  constructor(options: ReaderOptions) {
    const settings = readerSettings(options);
    const hooks = options.hooks ?? {};
    const connection = connectRedis(options.redis, {
      commandTimeoutMs: settings.redisTimeoutMs,
      onError: (failure) => this.#tell(() => hooks.onRedisFailure?.(failure)),
    });
    this.#settings = settings;
    this.#hooks = hooks;
    this.#load = options.load;
    this.#cache = new OrderCache(connection, { keyPrefix: settings.keyPrefix, versionSource: null });
    this.#table = followTtlTable(connection, settings.keyPrefix);
    this.#started = Promise.race([this.#table.firstRead, sleep(settings.redisTimeoutMs)]);
    this.#limit = new LoadLimit({
      maxConcurrent: settings.maxConcurrentLoads,
      maxWaiting: settings.maxWaitingLoads,
      timeoutMs: settings.loadTimeoutMs,
    });
    this.#disconnect = () => connection.close();
  }

  async get(orderId: string): Promise<OrderStatus | null> {
    await this.#started;
    if (this.#table.current() === null || !isCacheable(orderId)) return this.#loadOnly(orderId);
    const record = await this.#ask(() => this.#cache.get(orderId));
    if (record === UNAVAILABLE) return this.#loadOnly(orderId);
    if (record !== null) return this.#hit(orderId, record);
    this.#tell(() => this.#hooks.onMiss?.(orderId));
    return this.#flights.share(orderId, () => this.#loadUnderLease(orderId));
  }

  async close(): Promise<void> {
    this.#table.close();
    this.#disconnect();
  }

  #loadOnly(orderId: string): Promise<OrderStatus | null> {
    return this.#flights.share(orderId, async () => fromDatabase(await this.#loadRow(orderId)));
  }

  /** The row may be written only if it is read after the lease was granted, and the lease stands when it is. */
  async #loadUnderLease(orderId: string): Promise<OrderStatus | null> {
    const lease = await this.#acquire(orderId);
    if (lease === UNAVAILABLE) return fromDatabase(await this.#loadRow(orderId));
    if (lease.kind === 'found') return this.#hit(orderId, lease.record);
    if (lease.kind !== 'granted') return fromDatabase(await this.#loadRow(orderId));
    let row: Row | null = null;
    try {
      row = await this.#loadRow(orderId);
    } finally {
      await this.#fill(orderId, lease.token, row);
    }
    return fromDatabase(row);
  }

  /** Another process that holds the lease is given some time; then this one reads the database without filling. */
  async #acquire(orderId: string): Promise<LeaseOutcome | typeof UNAVAILABLE> {
    const { loadTimeoutMs, redisTimeoutMs, waitForOthersMs } = this.#settings;
    const leaseMs = loadTimeoutMs + 2 * redisTimeoutMs + 1000;
    const until = performance.now() + waitForOthersMs;
    for (let delay = 5; ; delay *= 2) {
      const lease = await this.#ask(() => this.#cache.lease(orderId, leaseMs));
      if (lease === UNAVAILABLE || lease.kind !== 'held') return lease;
      if (performance.now() + delay > until) return lease;
      await sleep(delay);
    }
  }

  /** Without a row or a table the lease is given back. */
  async #fill(orderId: string, token: string, row: Row | null): Promise<void> {
    const table = this.#table.current();
    const outcome = await this.#ask(() =>
      row === null || table === null
        ? this.#cache.release(orderId, token)
        : this.#cache.fill(orderId, token, row, table),
    );
    if (outcome !== UNAVAILABLE) this.#tell(() => this.#hooks.onFill?.(orderId, outcome.kind));
  }

  async #loadRow(orderId: string): Promise<Row | null> {
    const startedAt = performance.now();
    const tell = (outcome: 'row' | 'none' | 'error') =>
      this.#tell(() => this.#hooks.onLoad?.(orderId, performance.now() - startedAt, outcome));
    try {
      const loaded: LoadedRow | null = await this.#limit.run((signal) => this.#load(orderId, signal));
      const row = readLoadedRow(loaded);
      tell(row === null ? 'none' : 'row');
      return row;
    } catch (error) {
      tell('error');
      throw error;
    }
  }

  /** Asks Redis, unless it has been away lately. */
  async #ask<T>(question: () => Promise<T>): Promise<T | typeof UNAVAILABLE> {
    if (!this.#breaker.allows()) return UNAVAILABLE;
    try {
      const answer = await question();
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      this.#breaker.failed();
      this.#tell(() => this.#hooks.onRedisFailure?.(redisFailure(error)));
      return UNAVAILABLE;
    }
  }

  #hit(orderId: string, { status, version }: Row): OrderStatus {
    this.#tell(() => this.#hooks.onHit?.(orderId));
    return { status, version, from: 'cache' };
  }

  #tell(hook: () => void): void {
    try {
      hook();
    } catch {
      // A hook is for metrics; it must not decide whether an order can be read.
    }
  }
}

function fromDatabase(row: Row | null): OrderStatus | null {
  return row === null ? null : { ...row, from: 'database' };
}
