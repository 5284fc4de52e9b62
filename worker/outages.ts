import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffDelay, PROBE } from './backoff.ts';
import { LogLimit } from './log-limit.ts';

export type Dependency = 'RedisUnavailable' | 'DatabaseUnavailable';

/** The worker stops before the outage has ended. The messages go back to the queue. */
export class Abandoned extends Error {
  override readonly name = 'Abandoned';
}

export interface OutageOptions {
  /** Whose outage an error tells of; undefined: of none. */
  readonly dependencyOf: (error: unknown) => Dependency | undefined;
  /** Resolves when the dependency seems to work again. */
  readonly probe: (dependency: Dependency) => Promise<void>;
  readonly onPause: () => void;
  readonly onResume: () => void;
  readonly log: Logger;
}

/** An outage is nobody's fault: work waits for its end, however long that takes, and is done again. */
export class Outages {
  readonly #options: OutageOptions;
  readonly #limit = new LogLimit(3);
  readonly #abandon = new AbortController();
  /** Whoever waits now for the end of an outage, and of which. */
  readonly #waiting = new Map<object, Dependency>();
  #since = 0;

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  get current(): Dependency | undefined {
    const [dependency] = this.#waiting.values();
    return dependency;
  }

  /** Gives up on what waits. */
  abandon(): void {
    this.#abandon.abort();
  }

  /**
   * Repeats `work` until it meets no outage. Consuming resumes only after that, when nobody else's work meets one
   * either: a probe may succeed where the work does not, and other work may not need what is away.
   * @throws Abandoned, and what `work` throws that is no outage
   */
  async ride<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work();
        this.#end(work);
        return result;
      } catch (error) {
        const dependency = this.#options.dependencyOf(error);
        if (dependency === undefined) {
          this.#end(work);
          throw error;
        }
        this.#begin(work, dependency, error);
        await this.#untilProbed(dependency, attempt);
      }
    }
  }

  #begin(work: object, dependency: Dependency, error: unknown): void {
    const { log, onPause } = this.#options;
    const reason = error instanceof Error ? error.message : 'unknown error';
    const suppressed = this.#limit.admit(dependency, Date.now());
    if (suppressed !== undefined) log.error({ outage: dependency, reason, suppressed }, 'paused');
    const first = this.#waiting.size === 0;
    this.#waiting.set(work, dependency);
    if (!first) return;
    this.#since = Date.now();
    onPause();
  }

  #end(work: object): void {
    const dependency = this.#waiting.get(work);
    if (dependency === undefined) return;
    this.#waiting.delete(work);
    if (this.#waiting.size > 0) return;
    const { log, onResume } = this.#options;
    log.info({ outage: dependency, seconds: (Date.now() - this.#since) / 1_000 }, 'resumed');
    onResume();
  }

  async #untilProbed(dependency: Dependency, attempt: number): Promise<void> {
    const { signal } = this.#abandon;
    for (let delays = attempt; ; delays++) {
      await sleep(backoffDelay(PROBE, delays, Math.random()), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) throw new Abandoned(`stopped during an outage: ${dependency}`);
      try {
        return await this.#options.probe(dependency);
      } catch {
        // Still away.
      }
    }
  }
}
