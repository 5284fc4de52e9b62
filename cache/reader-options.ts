import type { RedisCredentials } from './connect.ts';
import type { RedisFailure } from './failure.ts';
import type { FillOutcome } from './outcomes.ts';
import { normalizeVersion, type Row } from './record.ts';

/** What `load` found: the columns of the policy's `spec.database`. */
export interface LoadedRow {
  readonly status: string;
  /** The policy's version column; leave it out, or null, when it is not read. A whole number. */
  readonly version?: string | number | bigint | null;
}

export interface ReaderOptions {
  readonly redis: RedisCredentials;
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

/** Called for metrics and logs, each synchronously. What they throw is ignored. */
export interface ReaderHooks {
  readonly onHit?: (orderId: string) => void;
  /** Redis answered and does not have the order. */
  readonly onMiss?: (orderId: string) => void;
  /** A read of the database ended. */
  readonly onLoad?: (orderId: string, milliseconds: number, outcome: 'row' | 'none' | 'error') => void;
  readonly onFill?: (orderId: string, outcome: FillOutcome['kind']) => void;
  /** Redis failed, or a connection to it; `get` used the database instead. */
  readonly onRedisFailure?: (failure: RedisFailure) => void;
}

export type ReaderSettings = Required<Omit<ReaderOptions, 'redis' | 'load' | 'hooks'>>;

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
  const { redis: _redis, load, hooks: _hooks, ...given } = options;
  if (typeof load !== 'function') throw new TypeError(`load: expected a function, got ${typeof load}`);
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
