/** The status of an order. */
export interface OrderStatus {
  readonly status: string;
  /** Decimal digits, of any length; null when it is not known. */
  readonly version: string | null;
  readonly from: 'cache' | 'database';
}

/** What `getMany` has found. Each id that was asked for is in one of the two maps. */
export interface OrderStatuses {
  /** Null: the database has no such order. */
  readonly orders: ReadonlyMap<string, OrderStatus | null>;
  /** The errors that `get` would have thrown. Empty while the database is well. */
  readonly failures: ReadonlyMap<string, unknown>;
}

/** Reads the status of orders through the cache that an OrderCachePolicy declares. */
export interface Reader {
  /**
   * The status of an order; null when the database has no such order. From Redis if it is there; else from the
   * database, which is read once however many callers wait, and kept in Redis for the next. With Redis slow, away or
   * without a policy's TTL table, from the database. Never fails because of Redis.
   * @throws what `load` throws, LoadTimeout, ReaderOverloaded, DatabaseUnavailable; TypeError for an id that is no text
   */
  get(orderId: string): Promise<OrderStatus | null>;
  /**
   * The same for many orders, each of which may fail by itself: one pipeline to Redis and one call of `loadMany` for
   * up to 250 at a time. Shares its reads of the database with `get`. Never rejects because of Redis or the database.
   */
  getMany(orderIds: Iterable<string>): Promise<OrderStatuses>;
  /** Ends the connection to Redis. Calls in flight end by way of the database. */
  close(): Promise<void>;
}
