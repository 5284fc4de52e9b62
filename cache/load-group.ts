/** Whence a leased order gets its row. Each ends in `load` or `leave`, once. */
export interface Loader<T> {
  load(orderId: string): Promise<T>;
  /** Somebody else is loading the order: others need not wait for what becomes of this one. */
  postpone(): void;
  /** No load is needed. */
  leave(): void;
}

/** One read of many orders; gives what finds, or throws, the result for one of them. */
export type LoadAll<T> = (orderIds: readonly string[]) => Promise<(orderId: string) => T>;

/**
 * Turns the loads of many orders into one: it begins when each member has said whether it needs one. Members that were
 * postponed share a second one. Members are made in one go, before the first microtask.
 */
export class LoadGroup<T> {
  readonly #now: Round<T>;
  readonly #later: Round<T>;

  constructor(loadAll: LoadAll<T>) {
    this.#now = new Round(loadAll);
    this.#later = new Round(loadAll);
  }

  member(): Loader<T> {
    let round = this.#now;
    round.enter();
    return {
      load: (orderId) => round.load(orderId),
      leave: () => round.leave(),
      postpone: () => {
        if (round === this.#later) return;
        this.#later.enter();
        this.#now.leave();
        round = this.#later;
      },
    };
  }
}

class Round<T> {
  readonly #loadAll: LoadAll<T>;
  readonly #asked = new Map<string, (loaded: Promise<T>) => void>();
  #expected = 0;

  constructor(loadAll: LoadAll<T>) {
    this.#loadAll = loadAll;
  }

  enter(): void {
    this.#expected += 1;
  }

  leave(): void {
    this.#expected -= 1;
    queueMicrotask(() => this.#loadWhenComplete());
  }

  load(orderId: string): Promise<T> {
    return new Promise<T>((resolve) => {
      this.#asked.set(orderId, resolve);
      queueMicrotask(() => this.#loadWhenComplete());
    });
  }

  #loadWhenComplete(): void {
    if (this.#asked.size === 0 || this.#asked.size < this.#expected) return;
    const asked = [...this.#asked];
    this.#asked.clear();
    this.#expected -= asked.length;
    const all = this.#loadAll(asked.map(([orderId]) => orderId));
    for (const [orderId, resolve] of asked) resolve(all.then((pick) => pick(orderId)));
  }
}
