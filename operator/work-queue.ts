import type { Clock } from './clock.ts';

/** What a pass over a key asks for: `again` in milliseconds, or nothing until something changes. */
export type Next = { readonly again?: number };

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** Keys worked on at the same time. */
  readonly concurrency: number;
  /**
   * Delay after the nth failure in a row of a key: `initial * 2^(n-1)`, at most `max`, in milliseconds. A failure that
   * came before the last delay was over does not count: news of a key must not make it wait longer.
   */
  readonly backoff: { readonly initial: number; readonly max: number };
  /** Spreads delays: 0 to 1. */
  readonly random: () => number;
  readonly onFailure: (key: string, error: unknown, failures: number) => void;
}

interface Entry {
  running: boolean;
  /** Added while it ran, or waiting for a free place. */
  due: boolean;
  failures: number;
  /** Added before its wait was over. */
  hurried: boolean;
  cancelTimer: (() => void) | undefined;
}

/**
 * Keys to work on. A key that is added ten times is worked on once; a key is never worked on twice at the same
 * time, and one that is added during its work is worked on again. A failing key waits, with backoff, for itself
 * alone; `add` overrides the wait.
 */
export class WorkQueue {
  readonly #entries = new Map<string, Entry>();
  /** Due and not running, oldest first. */
  readonly #ready = new Set<string>();
  readonly #process: (key: string) => Promise<Next>;
  readonly #options: WorkQueueOptions;
  #running = 0;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(process: (key: string) => Promise<Next>, options: WorkQueueOptions) {
    this.#process = process;
    this.#options = options;
  }

  /** Keys that wait for a place; those that wait for a time are not counted. */
  get depth(): number {
    return this.#ready.size;
  }

  add(key: string): void {
    if (this.#stopped) return;
    const entry = this.#entry(key);
    if (entry.cancelTimer) entry.hurried = true;
    entry.cancelTimer?.();
    entry.cancelTimer = undefined;
    entry.due = true;
    if (!entry.running) this.#ready.add(key);
    this.#pump();
  }

  /** Takes no more work; resolves when the keys under work are done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready.clear();
    for (const entry of this.#entries.values()) entry.cancelTimer?.();
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Entry = { running: false, due: false, failures: 0, hurried: false, cancelTimer: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#running >= this.#options.concurrency) return;
      this.#ready.delete(key);
      void this.#run(key, this.#entry(key));
    }
  }

  async #run(key: string, entry: Entry): Promise<void> {
    this.#running += 1;
    entry.running = true;
    entry.due = false;
    const delay = await this.#attempt(key, entry);
    entry.running = false;
    this.#running -= 1;
    this.#reschedule(key, entry, delay);
    if (this.#running === 0) this.#idle?.();
    this.#pump();
  }

  async #attempt(key: string, entry: Entry): Promise<number | undefined> {
    const { hurried } = entry;
    entry.hurried = false;
    try {
      const { again } = await this.#process(key);
      entry.failures = 0;
      return again;
    } catch (error) {
      entry.failures = hurried ? Math.max(1, entry.failures) : entry.failures + 1;
      this.#options.onFailure(key, error, entry.failures);
      return this.#backoff(entry.failures);
    }
  }

  #backoff(failures: number): number {
    const { initial, max } = this.#options.backoff;
    const delay = Math.min(max, initial * 2 ** Math.min(failures - 1, 30));
    return delay * (0.8 + 0.4 * this.#options.random());
  }

  #reschedule(key: string, entry: Entry, delay: number | undefined): void {
    if (this.#stopped) return;
    if (entry.due) {
      entry.hurried = true;
      this.#ready.add(key);
    } else if (delay !== undefined) entry.cancelTimer = this.#after(delay, key, entry);
    else if (entry.failures === 0) this.#entries.delete(key);
  }

  #after(delay: number, key: string, entry: Entry): () => void {
    return this.#options.clock.after(delay, () => {
      entry.cancelTimer = undefined;
      this.add(key);
    });
  }
}
