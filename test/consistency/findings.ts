import type { History, Hit } from './history.ts';

/** Older than its event's delay by more than this, in milliseconds, a hit is a violation. */
const TOLERANCE = 1_000;

/** Upper bounds of the ages that stale hits are counted by, in milliseconds since the next change was committed. */
const AGES = [10, 100, 1_000, 10_000, Number.POSITIVE_INFINITY] as const;

export interface Findings {
  readonly hits: number;
  readonly stale: number;
  /** Stale hits by age: `up to 10 ms` and so on. */
  readonly byAge: Readonly<Record<string, number>>;
  /** Stale hits that began after a worker had finished the event of the next change. */
  readonly afterEvent: number;
  /** The longest time that such a hit began after that, in milliseconds; 0 if there is none. */
  readonly longestAfterEvent: number;
  /** Of those, later than a second. */
  readonly violations: number;
  readonly neverCommitted: number;
}

/** Pure. */
export function judgeHits(history: History, hits: Iterable<Hit>): Findings {
  const counts = { hits: 0, stale: 0, afterEvent: 0, longestAfterEvent: 0, violations: 0, neverCommitted: 0 };
  const byAge: Record<string, number> = Object.fromEntries(AGES.map((bound) => [ageName(bound), 0]));
  for (const hit of hits) {
    counts.hits += 1;
    const verdict = history.verdict(hit);
    if (verdict.kind === 'NeverCommitted') counts.neverCommitted += 1;
    if (verdict.kind !== 'Stale') continue;
    counts.stale += 1;
    const name = ageName(AGES.find((bound) => verdict.age <= bound) ?? Number.POSITIVE_INFINITY);
    byAge[name] = (byAge[name] ?? 0) + 1;
    if (verdict.beyondEvent > 0) counts.afterEvent += 1;
    counts.longestAfterEvent = Math.max(counts.longestAfterEvent, verdict.beyondEvent);
    if (verdict.beyondEvent > TOLERANCE) counts.violations += 1;
  }
  return { ...counts, byAge };
}

function ageName(bound: number): string {
  return bound === Number.POSITIVE_INFINITY ? 'more' : `up to ${bound} ms`;
}
