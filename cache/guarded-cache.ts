import { CircuitBreaker } from './circuit-breaker.ts';
import { redisFailure } from './failure.ts';
import type { OrderCache } from './order-cache.ts';
import type { HookCaller } from './reader-hooks.ts';

/** What a question to Redis ends in when Redis fails, or has failed so often that it is not asked. */
export const UNAVAILABLE = Symbol('Redis is unavailable');

const FAILURES = 3;
const OPEN_MS = 1000;

/** The reader's way to Redis: it never throws, and does not wait for a Redis that is away. */
export class GuardedCache {
  readonly #cache: OrderCache;
  readonly #hooks: HookCaller;
  readonly #breaker: CircuitBreaker;

  constructor(cache: OrderCache, hooks: HookCaller) {
    this.#cache = cache;
    this.#hooks = hooks;
    this.#breaker = new CircuitBreaker({
      failures: FAILURES,
      openMs: OPEN_MS,
      now: () => performance.now(),
      onChange: (state) => hooks.tell('onBreaker', 'redis', state),
    });
  }

  async ask<T>(question: (cache: OrderCache) => Promise<T>): Promise<T | typeof UNAVAILABLE> {
    if (!this.#breaker.allows()) return UNAVAILABLE;
    try {
      const answer = await question(this.#cache);
      this.#breaker.succeeded();
      return answer;
    } catch (error) {
      this.#breaker.failed();
      this.#hooks.tell('onRedisFailure', redisFailure(error));
      return UNAVAILABLE;
    }
  }
}
