import type { Outcome } from '../api/worker-report.ts';

interface Entry {
  readonly initiator: string;
  readonly publishedAt: number;
  readonly malformed: boolean;
  outcome?: Exclude<Outcome, 'retried'>;
  settledAt?: number;
}

export interface LedgerSummary {
  readonly published: Readonly<Record<string, number>>;
  readonly malformed: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Confirmed by the broker, with no outcome in any worker's log. */
  readonly unaccounted: readonly string[];
  /** Good events in the dead-letter queue, or bad ones that are not. */
  readonly misjudged: readonly string[];
  /** Deliveries that the broker had made before, to a worker that ended without an acknowledgement. */
  readonly redelivered: number;
  readonly retried: number;
}

/** In milliseconds. */
export interface Delay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Matches what initiators published with what workers did, by message id. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #early = new Map<string, { outcome: Outcome; at: number }>();
  #redelivered = 0;
  #retried = 0;

  published(initiator: string, messageId: string, publishedAt: number, kind: 'good' | 'malformed'): void {
    this.#entries.set(messageId, { initiator, publishedAt, malformed: kind === 'malformed' });
    const early = this.#early.get(messageId);
    if (early !== undefined) this.#finish(messageId, early.outcome, early.at);
  }

  finished(messageId: string, outcome: Outcome, at: number): void {
    if (outcome === 'retried') {
      this.#retried += 1;
      return;
    }
    this.#finish(messageId, outcome, at);
  }

  redelivered(deliveries: number): void {
    this.#redelivered += deliveries;
  }

  /** Messages that have no outcome yet. */
  get open(): number {
    let open = 0;
    for (const { outcome } of this.#entries.values()) if (outcome === undefined) open += 1;
    return open;
  }

  /** Messages whose outcome came within the window, in milliseconds since the epoch. */
  finishedBetween(from: number, to: number): number {
    let finished = 0;
    for (const { settledAt = 0 } of this.#entries.values())
      if (settledAt >= from && settledAt <= to) finished += 1;
    return finished;
  }

  /** From before the publish to before the acknowledgement, of good events published within the window. */
  delay(from = 0, to = Number.POSITIVE_INFINITY): Delay {
    const delays = [...this.#entries.values()].flatMap(({ settledAt, publishedAt, malformed }) =>
      settledAt === undefined || malformed || publishedAt < from || publishedAt > to
        ? []
        : [settledAt - publishedAt],
    );
    return { p50: percentile(delays, 0.5), p99: percentile(delays, 0.99), max: percentile(delays, 1) };
  }

  /** When the first event since then was published, in milliseconds since the epoch. */
  firstPublished(since: number): number {
    const times = [...this.#entries.values()].map(({ publishedAt }) => publishedAt);
    return times.filter((at) => at >= since).reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  }

  summary(deadLetters: ReadonlySet<string>): LedgerSummary {
    const entries = [...this.#entries];
    const misjudged = entries
      .filter(([id, { malformed }]) => malformed !== deadLetters.has(id))
      .map(([id]) => id);
    return {
      published: countBy(entries.map(([, { initiator }]) => initiator)),
      malformed: entries.filter(([, { malformed }]) => malformed).length,
      outcomes: countBy(entries.flatMap(([, { outcome }]) => (outcome === undefined ? [] : [outcome]))),
      unaccounted: entries.filter(([, { outcome }]) => outcome === undefined).map(([id]) => id),
      misjudged,
      redelivered: this.#redelivered,
      retried: this.#retried,
    };
  }

  /** A worker's line can be read before the initiator's. The first outcome counts, later ones are repetitions. */
  #finish(messageId: string, outcome: Exclude<Outcome, 'retried'> | Outcome, at: number): void {
    const entry = this.#entries.get(messageId);
    if (entry === undefined) {
      if (!this.#early.has(messageId)) this.#early.set(messageId, { outcome, at });
      return;
    }
    if (entry.outcome !== undefined || outcome === 'retried') return;
    entry.outcome = outcome;
    entry.settledAt = at;
  }
}

function countBy(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** Nearest rank. 0 for an empty list. */
export function percentile(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)] ?? 0;
}
