import { setTimeout as sleep } from 'node:timers/promises';
import { type GuardedCache, UNAVAILABLE } from './guarded-cache.ts';
import type { Loader } from './load-group.ts';
import type { LeaseOutcome } from './order-cache.ts';
import type { HookCaller } from './reader-hooks.ts';
import type { ReaderSettings } from './reader-options.ts';
import type { CachedRecord, Row } from './record.ts';
import type { TtlTableFollower } from './ttl-table-follower.ts';

/** What a missing order turned out to be. */
export type Loaded =
  | { readonly from: 'database'; readonly row: Row | null }
  | { readonly from: 'cache'; readonly record: CachedRecord | null };

/** Fetches an order that Redis does not have, and puts it there if that is safe. */
export class LeasedLoading {
  readonly #cache: GuardedCache;
  readonly #table: TtlTableFollower;
  readonly #hooks: HookCaller;
  readonly #settings: ReaderSettings;

  constructor(cache: GuardedCache, table: TtlTableFollower, hooks: HookCaller, settings: ReaderSettings) {
    this.#cache = cache;
    this.#table = table;
    this.#hooks = hooks;
    this.#settings = settings;
  }

  /** The row may be written only if it is read after the lease was granted, and the lease stands when it is. */
  async run(orderId: string, loader: Loader<Row | null>): Promise<Loaded> {
    const lease = await this.#acquire(orderId, loader);
    const known = this.#known(lease);
    if (known !== undefined) {
      loader.leave();
      return known;
    }
    if (lease === UNAVAILABLE || lease.kind !== 'granted')
      return { from: 'database', row: await loader.load(orderId) };
    return { from: 'database', row: await this.#loadAndFill(orderId, lease.token, loader) };
  }

  /** What another has put into Redis since it was looked at; undefined: the database must be read. */
  #known(lease: LeaseOutcome | typeof UNAVAILABLE): Loaded | undefined {
    if (lease === UNAVAILABLE) return undefined;
    if (lease.kind === 'found') return { from: 'cache', record: lease.record };
    if (lease.kind === 'knownAbsent' && this.remembersAbsence()) return { from: 'cache', record: null };
    return undefined;
  }

  /** Negative entries are written and trusted only while the policy wants them. */
  remembersAbsence(): boolean {
    return (this.#table.current()?.absentSeconds ?? 0) > 0;
  }

  /** Another process that holds the lease is given some time; then this one reads the database without filling. */
  async #acquire(orderId: string, loader: Loader<Row | null>): Promise<LeaseOutcome | typeof UNAVAILABLE> {
    const { loadTimeoutMs, redisTimeoutMs, waitForOthersMs } = this.#settings;
    const leaseMs = loadTimeoutMs + waitForOthersMs + 2 * redisTimeoutMs + 1000;
    const until = performance.now() + waitForOthersMs;
    for (let delay = 5; ; delay *= 2) {
      const lease = await this.#cache.ask((cache) => cache.lease(orderId, leaseMs));
      if (lease === UNAVAILABLE || lease.kind !== 'held') return lease;
      loader.postpone();
      if (performance.now() + delay > until) return lease;
      await sleep(delay);
    }
  }

  async #loadAndFill(orderId: string, token: string, loader: Loader<Row | null>): Promise<Row | null> {
    let loaded: { readonly row: Row | null } | undefined;
    try {
      loaded = { row: await loader.load(orderId) };
      return loaded.row;
    } finally {
      await this.#fill(orderId, token, loaded);
    }
  }

  /** Without a table, or when nothing could be read, the lease is given back. */
  async #fill(orderId: string, token: string, loaded: { readonly row: Row | null } | undefined) {
    const table = this.#table.current();
    const outcome = await this.#cache.ask((cache) => {
      if (loaded === undefined || table === null) return cache.release(orderId, token);
      if (loaded.row !== null) return cache.fill(orderId, token, loaded.row, table);
      if (table.absentSeconds === 0) return cache.release(orderId, token);
      return cache.fillAbsent(orderId, token, table.absentSeconds);
    });
    if (outcome !== UNAVAILABLE) this.#hooks.tell('onFill', orderId, outcome.kind);
  }
}
