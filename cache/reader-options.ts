import type { ReaderHooks } from './reader-hooks.ts';
import { normalizeVersion, type Row } from './record.ts';
import type { CredentialsCallback, RedisCredentials } from './renewed-connection.ts';

/** What `load` found: the columns of the policy's `spec.database`. */
export interface LoadedRow {
  readonly status: string;
  /**
   * The policy's version column, a whole number; leave it out, or null, when it is not read. A `timestamptz` column as
   * microseconds since 1970: `(extract(epoch FROM version) * 1000000)::bigint::text`.
   */
  readonly version?: string | number | bigint | null;
}

export interface ReaderOptions {
  /**
   * How to reach Redis, or a function that gives it, at once or later: called for each new connection, and when Redis
   * no longer accepts what it gave. So a rotated password needs no restart. While it fails, the database is used.
   */
  readonly redis: RedisCredentials | CredentialsCallback;
  /** `spec.redis.keyPrefix` of the policy. Default: `order:`. */
  readonly keyPrefix?: string;
  /**
   * Reads one order on the primary, never on a replica, outside of any transaction that is open already; null when
   * there is no such order. `signal` is aborted at the deadline. What it throws reaches the caller of `get` as it is.
   *
   * `orderId` must be the id as the database writes it: with a column of numbers or UUIDs, give null for `007` or for
   * upper case. No event comes for an order by such a name, so its record would stay as it is until its TTL ends.
   */
  readonly load: (orderId: string, signal: AbortSignal) => Promise<LoadedRow | null>;
  /**
   * Reads many orders in one statement, under the same conditions as `load`. An order that is not among the keys does
   * not exist; keys that were not asked for are ignored. `getMany` calls it once for up to 250 missing orders.
   * Without it, `getMany` calls `load` for each, `maxConcurrentLoads` at a time. Ids that no event can have are always
   * read by `load`, one at a time, so that one that the database refuses fails alone.
   */
  readonly loadMany?: (
    orderIds: readonly string[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, LoadedRow>>;
  /**
   * Whether an error of `load` or `loadMany` means that the database is away or overloaded; five in a row make the
   * reader spare it. Default: yes, unless the error has a `code` that is an SQLSTATE by which a working database refuses
   * this one statement (classes 0A, 21, 22, 23, 26, 42 and 44), such as an id that is no UUID.
   */
  readonly isOutage?: (error: unknown) => boolean;
  /** How long `get` waits for one answer of Redis, in milliseconds. Default: 250. */
  readonly redisTimeoutMs?: number;
  /** Deadline of a read of the database, the wait for a place included, in milliseconds. Default: 3000. */
  readonly loadTimeoutMs?: number;
  /** Reads of the database at a time, in this process. Default: 16. */
  readonly maxConcurrentLoads?: number;
  /** Reads of the database that may wait for a place; more fail with ReaderOverloaded. Default: 2000. */
  readonly maxWaitingLoads?: number;
  /** How long to wait for another process that is loading the same order, in milliseconds. Default: 200. */
  readonly waitForOthersMs?: number;
  readonly hooks?: ReaderHooks;
}

type Functions = 'redis' | 'load' | 'loadMany' | 'isOutage' | 'hooks';

export type ReaderSettings = Required<Omit<ReaderOptions, Functions>>;

const DEFAULTS: ReaderSettings = {
  keyPrefix: 'order:',
  redisTimeoutMs: 250,
  loadTimeoutMs: 3000,
  maxConcurrentLoads: 16,
  maxWaitingLoads: 2000,
  waitForOthersMs: 200,
};

const MINIMUM = {
  redisTimeoutMs: 1,
  loadTimeoutMs: 1,
  maxConcurrentLoads: 1,
  maxWaitingLoads: 0,
  waitForOthersMs: 0,
} as const;

/** @throws TypeError that names the option, what was expected and what came */
export function readerSettings(options: ReaderOptions): ReaderSettings {
  const { redis: _redis, load, loadMany, isOutage, hooks: _hooks, ...given } = options;
  if (typeof load !== 'function') throw new TypeError(`load: expected a function, got ${typeof load}`);
  for (const [name, each] of Object.entries({ loadMany, isOutage })) {
    if (each !== undefined && typeof each !== 'function')
      throw new TypeError(`${name}: expected a function, got ${typeof each}`);
  }
  const settings = { ...DEFAULTS, ...given };
  if (typeof settings.keyPrefix !== 'string' || settings.keyPrefix === '') {
    throw new TypeError('keyPrefix: expected a text that is not empty');
  }
  for (const [name, minimum] of Object.entries(MINIMUM)) checkWhole(name, settings, minimum);
  return settings;
}

function checkWhole(name: string, settings: ReaderSettings, minimum: number): void {
  const value: unknown = Object.entries(settings).find(([key]) => key === name)?.[1];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return;
  throw new TypeError(`${name}: expected a whole number from ${minimum}, got ${String(value)}`);
}

/** @throws TypeError when `load` gave something that is no row */
export function readLoadedRow(loaded: LoadedRow | null): Row | null {
  if (loaded === null) return null;
  const { status, version } = loaded;
  if (typeof status !== 'string')
    throw new TypeError(`load: expected a text as status, got ${typeof status}`);
  return { status, version: readVersion(version) };
}

function readVersion(version: LoadedRow['version']): string | null {
  if (version === null || version === undefined) return null;
  const exact = typeof version !== 'number' || Number.isSafeInteger(version);
  const normalized = exact ? normalizeVersion(String(version)) : null;
  if (normalized === null) throw new TypeError('load: expected a whole number, exact, as version');
  return normalized;
}
