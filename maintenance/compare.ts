import type { WorkerConfig } from '../api/worker-config.ts';
import type { ApplyOutcome, OrderCache, SettleOutcome } from '../cache/order-cache.ts';
import type { Row } from '../cache/record.ts';
import type { TtlTable } from '../cache/ttl-table.ts';
import type { Compared } from './catch-up-state.ts';

export interface ComparedWith {
  readonly cache: Pick<OrderCache, 'apply' | 'settle'>;
  /** Undefined: ReadThrough without a database. */
  readonly database: { read(orderIds: readonly string[]): Promise<ReadonlyMap<string, Row>> } | undefined;
  readonly strategy: WorkerConfig['strategy'];
  /** The active TTL table; null: no record may be written. */
  readonly ttl: TtlTable | null;
}

/**
 * Makes the cache right for these orders as after an event for each of them. With a database a record that equals its
 * row stays, with its TTL; one that does not is written from the row (WriteThrough) or dropped (ReadThrough). Without
 * one nobody knows which records are right, so that each is dropped. Placeholders are voided in any case.
 */
export async function compareOrders(
  orderIds: readonly string[],
  { cache, database, strategy, ttl }: ComparedWith,
): Promise<Compared> {
  if (orderIds.length === 0) return { orders: 0, updated: 0, dropped: 0 };
  const applying = orderIds.map((orderId) => ({ orderId, expected: null }));
  const applied = await cache.apply(database === undefined ? 'drop' : 'mark', applying);
  const gone = count(applied.outcomes, ['dropped', 'voided']);
  const marked = orderIds.filter((_, index) => applied.outcomes[index]?.kind === 'marked');
  if (database === undefined || marked.length === 0)
    return { orders: orderIds.length, updated: 0, dropped: gone };
  const rows = await database.read(marked);
  const settling = marked.map((orderId) => ({ orderId, row: rows.get(orderId) ?? null }));
  const settled = await cache.settle(applied.ticket, strategy === 'WriteThrough' ? ttl : null, settling);
  return {
    orders: orderIds.length,
    updated: count(settled, ['updated']),
    dropped: gone + count(settled, ['dropped']),
  };
}

function count(outcomes: readonly (ApplyOutcome | SettleOutcome)[], kinds: readonly string[]): number {
  return outcomes.filter(({ kind }) => kinds.includes(kind)).length;
}
