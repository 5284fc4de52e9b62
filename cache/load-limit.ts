/** The database did not answer within `loadTimeoutMs`, the wait for a free place included. */
export class LoadTimeout extends Error {
  override readonly name = 'LoadTimeout';
}

/** Too many reads of the database are waiting already. */
export class ReaderOverloaded extends Error {
  override readonly name = 'ReaderOverloaded';
}

export interface LoadLimitSettings {
  readonly maxConcurrent: number;
  readonly maxWaiting: number;
  readonly timeoutMs: number;
}

/** Runs at most so many loads at a time; others wait in line. Each has one deadline for waiting and running. */
export class LoadLimit {
  readonly #settings: LoadLimitSettings;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(settings: LoadLimitSettings) {
    this.#settings = settings;
  }

  /**
   * The signal is aborted at the deadline. A load that ignores it goes on unheard, and its place is given away.
   * @throws LoadTimeout, ReaderOverloaded, and what `load` throws
   */
  async run<T>(load: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.#settings;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      controller.abort(new LoadTimeout(`the database did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      await this.#enter(controller.signal);
      try {
        return await unlessAborted(load(controller.signal), controller.signal);
      } finally {
        this.#leave();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    const { maxConcurrent, maxWaiting } = this.#settings;
    if (this.#running < maxConcurrent) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.size >= maxWaiting) {
      throw new ReaderOverloaded(`${maxWaiting} reads of the database are waiting already`);
    }
    await this.#takeTurn(signal);
  }

  /** Whoever leaves hands its place to the first in line, so `#running` stays as it is. */
  async #takeTurn(signal: AbortSignal): Promise<void> {
    let enter = () => {};
    const turn = new Promise<void>((resolve) => {
      enter = resolve;
    });
    this.#waiting.add(enter);
    try {
      await unlessAborted(turn, signal);
    } catch (error) {
      // Its turn may have come in the same moment.
      if (!this.#waiting.delete(enter)) this.#leave();
      throw error;
    }
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

/** Rejects with the reason of the signal as soon as it is aborted. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
