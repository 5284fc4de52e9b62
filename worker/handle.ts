import type { OrderEvent } from '../api/event.ts';
import type { EventDecoder } from '../api/event-decode.ts';
import { HEADERS } from '../api/names.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { OrderCache } from '../cache/order-cache.ts';
import type { Row } from '../cache/record.ts';
import type { TtlTable } from '../cache/ttl-table.ts';
import { apart, decodeBatch, type OrderEvents } from './batch.ts';
import {
  applyMode,
  attemptsBefore,
  type Effect,
  effectOf,
  expectedRecord,
  judge,
  judgeFailure,
  judgeMalformed,
  mustSettle,
  type Verdict,
} from './decide.ts';
import type { Delivery } from './delivery.ts';
import { type Isolated, isolatingFailures } from './isolation.ts';
import type { OrdersTable } from './orders-table.ts';
import type { Outages } from './outages.ts';
import type { Turns } from './turns.ts';
import { newest, writeOrder } from './write-order.ts';

type Database = Pick<OrdersTable, 'read' | 'write'>;

/** What the story needs of the world. */
export interface Handler {
  readonly config: WorkerConfig;
  readonly decode: EventDecoder;
  readonly cache: () => Pick<OrderCache, 'apply' | 'settle'>;
  /** Undefined: ReadThrough without a database. */
  readonly database: () => Database | undefined;
  /** The active TTL table; null: no record may be written. */
  readonly ttl: () => TtlTable | null;
  readonly outages: Outages;
  /** Shared by the batches that are under way at the same time. */
  readonly turns: Turns;
  /** Ends a delivery as the verdict says; it is acknowledged when that has happened. */
  readonly perform: (delivery: Delivery, verdict: Verdict, event?: OrderEvent, row?: Row | null) => void;
  /** The worker itself fails on this order: an error of ours. */
  readonly failed: (orderId: string, error: unknown) => void;
  /** Acknowledges what has ended. */
  readonly acknowledge: () => void;
}

/**
 * The story of the worker: what arrived together is decoded, written into the rows where that is the worker's to do,
 * applied to the cache as one operation per order, judged, and acknowledged. Events join a batch before that and never
 * after, and no two batches work on the same order.
 *
 * @throws Abandoned when the worker stops during an outage; nothing of the batch is acknowledged then
 */
export async function handle(deliveries: readonly Delivery[], worker: Handler): Promise<void> {
  const { orders, malformed } = decodeBatch(deliveries, worker.decode);
  for (const each of malformed) worker.perform(each.delivery, judgeMalformed(each.malformed));
  for (let mine = worker.turns.take(orders); mine.length > 0; mine = worker.turns.pass(mine)) {
    await applyAndJudge(mine, worker);
    worker.acknowledge();
  }
}

async function applyAndJudge(orders: readonly OrderEvents[], worker: Handler): Promise<void> {
  const riding = (some: readonly OrderEvents[]) => worker.outages.ride(() => synchronise(some, worker));
  for (const result of await isolatingFailures(orders, riding)) {
    if (result.kind === 'Failed' && result.item.events.length > 1) {
      for (const single of apart(result.item)) await applyAndJudge([single], worker);
      continue;
    }
    if (result.kind === 'Failed') worker.failed(result.item.orderId, result.error);
    const row = result.kind === 'Failed' ? null : result.value.row;
    for (const { delivery, event } of result.item.events) {
      worker.perform(delivery, verdictOn(delivery, event, result, worker), event, row);
    }
  }
}

/** What became of an order: the row is what the database said after `apply`, if it had to be asked. */
interface Synchronised {
  readonly effect: Effect;
  readonly row: Row | null;
}

/**
 * Makes the cache right for these orders: their records equal their rows, or are gone. A row that is ours to write is
 * committed before `apply`, which takes the lease of whoever has read the row before.
 */
async function synchronise(orders: readonly OrderEvents[], worker: Handler): Promise<Synchronised[]> {
  if (orders.length === 0) return [];
  const [cache, database] = [worker.cache(), worker.database()];
  const mode = applyMode(worker.config.strategy, worker.ttl() !== null);
  const written = await writeRows(database, orders, worker.config);
  const applied = await cache.apply(
    mode,
    orders.map((order) => ({
      orderId: order.orderId,
      expected: expectedRecord(order, written.get(order.orderId)),
    })),
  );
  const outcomeOf = (index: number) => applied.outcomes[index] ?? ABSENT;

  const unsettled =
    database === undefined
      ? []
      : orders.filter((order, index) => mustSettle(outcomeOf(index), order.versioned));
  const rows = await readRows(database, unsettled);
  const settling = unsettled.map(({ orderId }) => ({ orderId, row: rows.get(orderId) ?? null }));
  const settled = settling.length > 0 ? await cache.settle(applied.ticket, worker.ttl(), settling) : [];
  const settledOf = new Map(settling.map(({ orderId }, index) => [orderId, settled[index]]));

  return orders.map(({ orderId }, index) => ({
    effect: effectOf(outcomeOf(index), settledOf.get(orderId)),
    row: rows.get(orderId) ?? null,
  }));
}

const ABSENT = { kind: 'absent' } as const;

/** The newest event of each order becomes its row, unless the row is newer. The rows as they are then. */
async function writeRows(
  database: Database | undefined,
  orders: readonly OrderEvents[],
  config: WorkerConfig,
): Promise<ReadonlyMap<string, Row>> {
  const order = writeOrder(config);
  if (database === undefined || order === undefined) return NOTHING_WRITTEN;
  return database.write(
    orders.map(({ events }) =>
      newest(
        events.map(({ event }) => event),
        order,
      ),
    ),
  );
}

const NOTHING_WRITTEN: ReadonlyMap<string, Row> = new Map();

async function readRows(database: Database | undefined, orders: readonly OrderEvents[]) {
  if (database === undefined || orders.length === 0) return new Map<string, Row>();
  return database.read(orders.map(({ orderId }) => orderId));
}

function verdictOn(
  delivery: Delivery,
  event: OrderEvent,
  result: Isolated<OrderEvents, Synchronised>,
  { config, ttl }: Handler,
): Verdict {
  const { database, rabbitmq } = config;
  const { retry } = rabbitmq;
  const attempts = attemptsBefore(delivery.properties.headers?.[HEADERS.attempts], retry.maxAttempts);
  if (result.kind === 'Failed') return judgeFailure(result.error, attempts, retry);
  const { effect, row } = result.value;
  const absentRemembered = database !== undefined && (ttl()?.absentSeconds ?? 0) > 0;
  return judge(effect, event.version, row, attempts, retry, database?.writer, absentRemembered);
}
