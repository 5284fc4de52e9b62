import { setTimeout as sleep } from 'node:timers/promises';
import { RedisFailure } from './failure.ts';
import { GuardedCache, UNAVAILABLE } from './guarded-cache.ts';
import { isCacheable } from './keys.ts';
import { LeasedLoading } from './leased-loading.ts';
import { fromCache, MissingOrders } from './missing-orders.ts';
import { type LookOutcome, OrderCache } from './order-cache.ts';
import type { OrderStatus, OrderStatuses, Reader } from './order-status.ts';
import { OrdersDatabase } from './orders-database.ts';
import { HookCaller } from './reader-hooks.ts';
import { type ReaderOptions, readerSettings } from './reader-options.ts';
import { connectAs } from './renewed-connection.ts';
import { followTtlTable, type TtlTableFollower } from './ttl-table-follower.ts';

/** Orders of one `getMany` that are worked on at a time: what Redis answers well within its deadline. */
const PORTION = 250;

type Settled = PromiseSettledResult<OrderStatus | null>;

export class CachedReader implements Reader {
  readonly #hooks: HookCaller;
  readonly #cache: GuardedCache;
  readonly #table: TtlTableFollower;
  readonly #leased: LeasedLoading;
  readonly #missing: MissingOrders;
  readonly #started: Promise<unknown>;
  readonly #disconnect: () => void;

  constructor(options: ReaderOptions) {
    const settings = readerSettings(options);
    const hooks = new HookCaller(options.hooks);
    const { keyPrefix, redisTimeoutMs } = settings;
    const connection = connectAs(options.redis, {
      commandTimeoutMs: redisTimeoutMs,
      onError: (failure) => hooks.tell('onRedisFailure', failure),
    });
    const database = new OrdersDatabase(options, settings, hooks);
    this.#hooks = hooks;
    this.#cache = new GuardedCache(new OrderCache(connection, { keyPrefix, versionSource: null }), hooks);
    this.#table = followTtlTable(connection, keyPrefix);
    this.#leased = new LeasedLoading(this.#cache, this.#table, hooks, settings);
    this.#missing = new MissingOrders(this.#leased, database, hooks, settings.maxConcurrentLoads);
    this.#started = Promise.race([this.#table.firstRead, sleep(redisTimeoutMs)]);
    this.#disconnect = () => connection.close();
  }

  async get(orderId: string): Promise<OrderStatus | null> {
    checkText(orderId);
    await this.#started;
    if (this.#table.current() === null || !isCacheable(orderId))
      return this.#missing.load(orderId, 'DatabaseOnly');
    const found = await this.#cache.ask((cache) => cache.look(orderId));
    if (found === UNAVAILABLE) return this.#missing.load(orderId, 'DatabaseOnly');
    const known = this.#known(orderId, found);
    return known === undefined ? this.#missing.load(orderId, 'Leased') : known;
  }

  async getMany(orderIds: Iterable<string>): Promise<OrderStatuses> {
    const orders = new Map<string, OrderStatus | null>();
    const failures = new Map<string, unknown>();
    const ids = [...new Set(orderIds)];
    await this.#started;
    for (let start = 0; start < ids.length; start += PORTION) {
      const portion = ids.slice(start, start + PORTION);
      const ends = await this.#getPortion(portion);
      for (const [i, orderId] of portion.entries()) {
        const end = ends[i];
        if (end?.status === 'fulfilled') orders.set(orderId, end.value);
        else failures.set(orderId, end?.reason);
      }
    }
    return { orders, failures };
  }

  async close(): Promise<void> {
    this.#table.close();
    this.#disconnect();
  }

  async #getPortion(orderIds: readonly string[]): Promise<readonly Settled[]> {
    const found = await this.#lookMany(orderIds);
    const together = this.#missing.together();
    const oneByOne = this.#missing.oneByOne();
    const read = async (orderId: string) => {
      checkText(orderId);
      if (!isCacheable(orderId)) return oneByOne(orderId, 'DatabaseOnly');
      const look = found.get(orderId);
      if (look === undefined) return together(orderId, 'DatabaseOnly');
      const known = this.#known(orderId, look);
      return known === undefined ? together(orderId, 'Leased') : known;
    };
    return Promise.allSettled(orderIds.map(read));
  }

  /** Without a TTL table, and for what Redis did not answer, there is no entry. */
  async #lookMany(orderIds: readonly string[]): Promise<ReadonlyMap<string, LookOutcome>> {
    const found = new Map<string, LookOutcome>();
    const cacheable = orderIds.filter((orderId) => typeof orderId === 'string' && isCacheable(orderId));
    if (this.#table.current() === null || cacheable.length === 0) return found;
    const looked = await this.#cache.ask((cache) => cache.lookMany(cacheable));
    if (looked === UNAVAILABLE) return found;
    for (const [i, look] of looked.entries()) {
      if (look instanceof RedisFailure) this.#hooks.tell('onRedisFailure', look);
      else found.set(cacheable[i] ?? '', look);
    }
    return found;
  }

  /** Undefined: a miss. */
  #known(orderId: string, found: LookOutcome): OrderStatus | null | undefined {
    if (found.kind === 'hit') {
      this.#hooks.tell('onHit', orderId);
      return fromCache(found.record);
    }
    if (found.kind === 'knownAbsent' && this.#leased.remembersAbsence()) {
      this.#hooks.tell('onNegativeHit', orderId);
      return null;
    }
    this.#hooks.tell('onMiss', orderId);
    return undefined;
  }
}

function checkText(orderId: unknown): void {
  if (typeof orderId !== 'string') throw new TypeError(`orderId: expected a text, got ${typeof orderId}`);
}
