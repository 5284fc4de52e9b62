import type { Outcome } from './relay-broker.ts';
import type { RelayFailure } from './relay-options.ts';
import type { OutboxRow } from './relay-rows.ts';

export interface BatchFailure {
  readonly row: OutboxRow;
  readonly reason: RelayFailure['reason'];
  readonly detail: string;
}

export interface BatchResult {
  readonly confirmed: readonly OutboxRow[];
  readonly failed: readonly BatchFailure[];
  /** None of their events can be sent now. */
  readonly refusedExchanges: ReadonlySet<string>;
  /** Whether each order was tried. */
  readonly complete: boolean;
}

export interface BatchOptions {
  readonly publish: (row: OutboxRow) => Promise<Outcome>;
  /** One event at a time, instead of one of each order. */
  readonly oneByOne: boolean;
  /** Once true, nothing more is begun. */
  readonly enough: () => boolean;
}

/**
 * Publishes each order's events in their order: the next one only after the broker has confirmed the one before, so
 * that whatever fails, no event of an order arrives before an earlier one.
 */
export async function publishBatch(
  orders: readonly (readonly OutboxRow[])[],
  options: BatchOptions,
): Promise<BatchResult> {
  const batch = new Batch(options);
  if (options.oneByOne) for (const order of orders) await batch.publishInOrder(order);
  else await Promise.all(orders.map((order) => batch.publishInOrder(order)));
  return batch;
}

class Batch implements BatchResult {
  readonly #options: BatchOptions;
  readonly confirmed: OutboxRow[] = [];
  readonly failed: BatchFailure[] = [];
  readonly refusedExchanges = new Set<string>();
  complete = true;

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  async publishInOrder(rows: readonly OutboxRow[]): Promise<void> {
    for (const [index, row] of rows.entries()) {
      if (this.refusedExchanges.has(row.exchange)) return;
      if (this.#options.enough()) {
        if (index === 0) this.complete = false;
        return;
      }
      if (!this.#noted(row, await this.#options.publish(row))) return;
    }
  }

  /** Whether the next event of the order may follow. */
  #noted(row: OutboxRow, outcome: Outcome): boolean {
    if (outcome.kind === 'Confirmed') this.confirmed.push(row);
    if (outcome.kind === 'Lost') this.complete = false;
    if (outcome.kind === 'Failed') {
      this.failed.push({ row, reason: outcome.reason, detail: outcome.detail });
      if (outcome.wholeExchange) this.refusedExchanges.add(row.exchange);
    }
    return outcome.kind === 'Confirmed';
  }
}
