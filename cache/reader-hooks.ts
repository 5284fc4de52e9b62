import type { RedisFailure } from './failure.ts';
import type { FillOutcome } from './outcomes.ts';

/** Called for metrics and logs, each synchronously. What they throw is ignored. Times are in milliseconds. */
export interface ReaderHooks {
  /** Redis has the order. */
  readonly onHit?: (orderId: string) => void;
  /** Redis answered and has neither the order nor a negative entry. */
  readonly onMiss?: (orderId: string) => void;
  /** Redis knows that the database had no such order within the last `spec.ttl.absentSeconds`. */
  readonly onNegativeHit?: (orderId: string) => void;
  /** A call of `load` ended; `none`: there is no such order. */
  readonly onLoad?: (orderId: string, milliseconds: number, outcome: 'row' | 'none' | 'error') => void;
  /** A call of `loadMany` for so many orders ended. */
  readonly onLoadMany?: (orders: number, milliseconds: number, outcome: 'rows' | 'error') => void;
  /**
   * What became of a lease of this reader: `filled` with the row, `filledAbsent` with a negative entry, `released`
   * without either, `fenced` because an event was applied meanwhile, `dropped` because Redis has no memory.
   */
  readonly onFill?: (orderId: string, outcome: FillOutcome['kind']) => void;
  /** Redis failed, or a connection to it; the database is used instead. */
  readonly onRedisFailure?: (failure: RedisFailure) => void;
  /** From now on Redis, or the database, is not asked but once in a while; or again as usual. */
  readonly onBreaker?: (what: 'redis' | 'database', state: 'open' | 'closed') => void;
  /** A read of the database was refused, because `maxWaitingLoads` are waiting already. */
  readonly onOverload?: () => void;
}

type HookName = keyof ReaderHooks;

/** Calls a hook if there is one. A hook must not decide whether an order can be read. */
export class HookCaller {
  readonly #hooks: ReaderHooks;

  constructor(hooks: ReaderHooks = {}) {
    this.#hooks = hooks;
  }

  tell<N extends HookName>(name: N, ...args: Parameters<Required<ReaderHooks>[N]>): void {
    const hook = this.#hooks[name] as ((...args: unknown[]) => void) | undefined;
    if (hook === undefined) return;
    try {
      hook.apply(this.#hooks, args);
    } catch {
      // See above.
    }
  }
}
