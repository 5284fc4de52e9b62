import type { Clock } from '../../operator/clock.ts';

/** A clock that stands still until it is moved; `by` runs what becomes due on the way. */
export interface HandClock extends Clock {
  by(ms: number): Promise<void>;
  /** Timers that have not run. */
  readonly pending: number;
}

export function handClock(start = 1_000_000): HandClock {
  let now = start;
  const timers = new Set<{ at: number; run: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    async by(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = next.at;
        next.run();
        await settled();
      }
      now = end;
      await settled();
    },
  };
}

/** Lets everything that is ready to go on do so. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
