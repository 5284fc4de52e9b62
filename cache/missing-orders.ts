import { Lane } from './lane.ts';
import type { LeasedLoading } from './leased-loading.ts';
import { type Loader, LoadGroup } from './load-group.ts';
import type { OrderStatus } from './order-status.ts';
import type { OrdersDatabase } from './orders-database.ts';
import type { HookCaller } from './reader-hooks.ts';
import { readLoadedRow } from './reader-options.ts';
import type { CachedRecord, Row } from './record.ts';
import { SingleFlight } from './single-flight.ts';

/** `Leased`: what is read may be put into Redis. `DatabaseOnly`: Redis is away, has no TTL table, or never has this id. */
export type Way = 'Leased' | 'DatabaseOnly';

/** Loads an order that was not found in Redis. */
export type LoadMissing = (orderId: string, way: Way) => Promise<OrderStatus | null>;

/**
 * Orders that were not found in Redis: each is read from the database once, however many callers wait for it. A caller
 * never gets a row that was read before it asked.
 */
export class MissingOrders {
  readonly #leased: LeasedLoading;
  readonly #database: OrdersDatabase;
  readonly #hooks: HookCaller;
  readonly #maxConcurrentLoads: number;
  readonly #flights = new SingleFlight<OrderStatus | null>();
  readonly #alone: Loader<Row | null>;

  constructor(
    leased: LeasedLoading,
    database: OrdersDatabase,
    hooks: HookCaller,
    maxConcurrentLoads: number,
  ) {
    this.#leased = leased;
    this.#database = database;
    this.#hooks = hooks;
    this.#maxConcurrentLoads = maxConcurrentLoads;
    this.#alone = { load: (orderId) => database.read(orderId), postpone: () => {}, leave: () => {} };
  }

  load(orderId: string, way: Way): Promise<OrderStatus | null> {
    return this.#share(orderId, way, () => this.#alone);
  }

  /** For the orders of one batch. One after another, for ids that the database may refuse. */
  oneByOne(): LoadMissing {
    return this.#inLane(1);
  }

  /**
   * For the orders of one batch, which are all given before the next microtask. With `loadMany` they are one read of the
   * database. Without, the reads are bounded, and do not fill the line in which other callers wait.
   */
  together(): LoadMissing {
    if (!this.#database.readsMany) return this.#inLane(this.#maxConcurrentLoads);
    const group = new LoadGroup<Row | null>(async (orderIds) => {
      const rows = await this.#database.readMany(orderIds);
      return (orderId) => readLoadedRow(rows.get(orderId) ?? null);
    });
    return (orderId, way) => this.#share(orderId, way, () => group.member());
  }

  #inLane(width: number): LoadMissing {
    const lane = new Lane(width);
    return (orderId, way) => lane.run(() => this.load(orderId, way));
  }

  /** The loader is made only for an order that nobody is loading. */
  #share(orderId: string, way: Way, makeLoader: () => Loader<Row | null>): Promise<OrderStatus | null> {
    return this.#flights.share(orderId, async (begin) => {
      const loader = announced(makeLoader(), begin);
      if (way === 'DatabaseOnly') return fromDatabase(await loader.load(orderId));
      const loaded = await this.#leased.run(orderId, loader);
      return loaded.from === 'database' ? fromDatabase(loaded.row) : this.#hit(orderId, loaded.record);
    });
  }

  /** Another has put it into Redis since; null: a negative entry. */
  #hit(orderId: string, record: CachedRecord | null): OrderStatus | null {
    this.#hooks.tell(record === null ? 'onNegativeHit' : 'onHit', orderId);
    return record === null ? null : fromCache(record);
  }
}

/** Says so before it reads the database. */
function announced<T>(loader: Loader<T>, begin: () => void): Loader<T> {
  const load = (orderId: string) => {
    begin();
    return loader.load(orderId);
  };
  return { load, postpone: () => loader.postpone(), leave: () => loader.leave() };
}

export function fromCache({ status, version }: Row): OrderStatus {
  return { status, version, from: 'cache' };
}

function fromDatabase(row: Row | null): OrderStatus | null {
  return row === null ? null : { status: row.status, version: row.version, from: 'database' };
}
