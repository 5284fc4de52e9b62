import { CircuitBreaker } from './circuit-breaker.ts';
import { LoadLimit, ReaderOverloaded, unlessAborted } from './load-limit.ts';
import { isDatabaseOutage } from './outage.ts';
import type { HookCaller } from './reader-hooks.ts';
import { type LoadedRow, type ReaderOptions, type ReaderSettings, readLoadedRow } from './reader-options.ts';
import type { Row } from './record.ts';

/**
 * The last reads of the database failed, so it is not asked for half a second; then one read tries again. `cause` is
 * the last error.
 */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

const FAILURES = 5;
/** With the default `loadTimeoutMs` a database that is back is in use within 3.5 s. */
const OPEN_MS = 500;

/** The reader's way to the database: so many at a time, each with a deadline, none while it is away. */
export class OrdersDatabase {
  readonly #load: ReaderOptions['load'];
  readonly #loadMany: ReaderOptions['loadMany'];
  readonly #isOutage: (error: unknown) => boolean;
  readonly #limit: LoadLimit;
  readonly #breaker: CircuitBreaker;
  readonly #hooks: HookCaller;
  #lastError: unknown;

  constructor(options: ReaderOptions, settings: ReaderSettings, hooks: HookCaller) {
    this.#load = options.load;
    this.#loadMany = options.loadMany;
    this.#isOutage = options.isOutage ?? isDatabaseOutage;
    this.#hooks = hooks;
    this.#limit = new LoadLimit({
      maxConcurrent: settings.maxConcurrentLoads,
      maxWaiting: settings.maxWaitingLoads,
      timeoutMs: settings.loadTimeoutMs,
    });
    this.#breaker = new CircuitBreaker({
      failures: FAILURES,
      openMs: OPEN_MS,
      now: () => performance.now(),
      onChange: (state) => hooks.tell('onBreaker', 'database', state),
    });
  }

  get readsMany(): boolean {
    return this.#loadMany !== undefined;
  }

  /** @throws what `load` throws, DatabaseUnavailable, LoadTimeout, ReaderOverloaded, TypeError for what is no row */
  async read(orderId: string): Promise<Row | null> {
    const startedAt = performance.now();
    const tell = (outcome: 'row' | 'none' | 'error') =>
      this.#hooks.tell('onLoad', orderId, performance.now() - startedAt, outcome);
    try {
      const row = readLoadedRow(await this.#guarded((signal) => this.#load(orderId, signal)));
      tell(row === null ? 'none' : 'row');
      return row;
    } catch (error) {
      tell('error');
      throw error;
    }
  }

  /** The rows that there are, as `loadMany` gave them. Throws as `read` does. */
  async readMany(orderIds: readonly string[]): Promise<ReadonlyMap<string, LoadedRow>> {
    const loadMany = this.#loadMany;
    if (loadMany === undefined) throw new TypeError('loadMany: there is none');
    const startedAt = performance.now();
    const tell = (outcome: 'rows' | 'error') =>
      this.#hooks.tell('onLoadMany', orderIds.length, performance.now() - startedAt, outcome);
    try {
      const rows = await this.#guarded((signal) => loadMany(orderIds, signal));
      if (!(rows instanceof Map)) throw new TypeError('loadMany: expected a Map of rows');
      tell('rows');
      return rows;
    } catch (error) {
      tell('error');
      throw error;
    }
  }

  /** The breaker is asked before the line, so that nobody waits in it for nothing, and again at its end. */
  async #guarded<T>(load: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#breaker.isRefusing) throw this.#unavailable();
    try {
      return await this.#limit.run((signal) => this.#attempt(load, signal));
    } catch (error) {
      if (error instanceof ReaderOverloaded) this.#hooks.tell('onOverload');
      throw error;
    }
  }

  async #attempt<T>(load: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (!this.#breaker.allows()) throw this.#unavailable();
    try {
      const loaded = await unlessAborted(load(signal), signal);
      this.#breaker.succeeded();
      return loaded;
    } catch (error) {
      if (this.#meansOutage(error)) {
        this.#lastError = error;
        this.#breaker.failed();
      } else this.#breaker.succeeded();
      throw error;
    }
  }

  /** A failing `isOutage` must not leave the breaker waiting for the end of its attempt. */
  #meansOutage(error: unknown): boolean {
    try {
      return this.#isOutage(error);
    } catch {
      return true;
    }
  }

  #unavailable(): DatabaseUnavailable {
    const message = `the database is not asked for ${OPEN_MS} ms, because the last reads of it have failed`;
    return new DatabaseUnavailable(message, { cause: this.#lastError });
  }
}
