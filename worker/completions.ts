import { OUTCOMES, type Outcome } from '../api/worker-report.ts';
import type { Delivery, Source } from './delivery.ts';

/** What ended since the last flush. */
export interface Finished {
  /** Acknowledged messages by outcome; those of closed channels are not counted, they come again. */
  readonly counts: Record<Outcome, number>;
  /** For each event that took effect: when it happened, in milliseconds since 1970. */
  readonly timestamps: readonly number[];
  /** Message ids by outcome, if they are asked for. */
  readonly messageIds: Partial<Record<Outcome, string[]>> | undefined;
}

/**
 * Collects deliveries whose effect has happened, and acknowledges them together. `beforeAcknowledge` sees them first,
 * so that what it writes is there for every acknowledged message even if the process is killed.
 */
export class Completions {
  readonly #withMessageIds: boolean;
  readonly #beforeAcknowledge: (finished: Finished) => void;
  readonly #sources = new Set<Source>();
  #finished: Finished & { timestamps: number[] };
  #scheduled = false;

  constructor(withMessageIds: boolean, beforeAcknowledge: (finished: Finished) => void) {
    this.#withMessageIds = withMessageIds;
    this.#beforeAcknowledge = beforeAcknowledge;
    this.#finished = nothing(withMessageIds);
  }

  /** The delivery's effect has happened. Forgotten when its channel has closed. */
  finish(delivery: Delivery, outcome: Outcome, timestamp?: number): void {
    const { source } = delivery;
    if (!source.open) return;
    source.acknowledgements.done(delivery.tag);
    this.#sources.add(source);
    this.#finished.counts[outcome]++;
    if (timestamp !== undefined) this.#finished.timestamps.push(timestamp);
    const ids = this.#finished.messageIds;
    if (ids === undefined) return;
    ids[outcome] ??= [];
    ids[outcome].push(String(delivery.properties.messageId ?? ''));
  }

  /** The delivery may take long: those after it are acknowledged without it. */
  keepBack(delivery: Delivery): void {
    if (!delivery.source.open) return;
    delivery.source.acknowledgements.keepBack(delivery.tag);
    this.#sources.add(delivery.source);
    this.flushSoon();
  }

  /** Soon, together with whatever else ends in this turn of the event loop. */
  flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#sources.size === 0) return;
    const finished = this.#finished;
    this.#finished = nothing(this.#withMessageIds);
    const sources = [...this.#sources];
    this.#sources.clear();
    this.#beforeAcknowledge(finished);
    for (const source of sources) {
      for (const each of source.acknowledgements.take()) source.acknowledge(each);
    }
  }
}

function nothing(withMessageIds: boolean): Finished & { timestamps: number[] } {
  return { counts: noOutcomes(), timestamps: [], messageIds: withMessageIds ? {} : undefined };
}

export function noOutcomes(): Record<Outcome, number> {
  const zeros = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0]));
  return zeros as Record<Outcome, number>;
}
