import { setTimeout as sleep } from 'node:timers/promises';
import { createOutbox } from '../../publisher/index.ts';
import type { TestDatabase } from '../servers/index.ts';
import { type Arrival, transaction } from './outbox-stage.ts';

const outbox = createOutbox({
  exchange: 'mes',
  routingKey: 'mes.order.status',
  event: { versionPointer: '/version' },
});

export interface Committed {
  readonly messageId: string;
  readonly orderId: string;
  readonly version: number;
}

export interface OrderChanges {
  readonly orders: number;
  /** How many; or as long as this holds. */
  readonly transactions: number | (() => boolean);
  /** Between two of one connection, in milliseconds on average. Default: 0. */
  readonly pause?: number;
}

/** Changes orders from four connections, a quarter of the transactions rolled back. Gives what was committed. */
export async function changeOrders(
  database: TestDatabase,
  { orders, transactions, pause = 0 }: OrderChanges,
): Promise<Committed[]> {
  await database.pool.query(
    `INSERT INTO orders SELECT 'A' || n, 'NEW', 0 FROM generate_series(1, $1) n ON CONFLICT DO NOTHING`,
    [orders],
  );
  const committed: Committed[] = [];
  let begun = 0;
  const goesOn = () => (typeof transactions === 'number' ? begun++ < transactions : transactions());
  const initiator = async () => {
    while (goesOn()) {
      const changed = await changeOrder(database, `A${1 + Math.floor(Math.random() * orders)}`);
      if (changed !== undefined) committed.push(changed);
      if (pause > 0) await sleep(pause * Math.random() * 2);
    }
  };
  await Promise.all([initiator(), initiator(), initiator(), initiator()]);
  return committed;
}

async function changeOrder(database: TestDatabase, orderId: string): Promise<Committed | undefined> {
  const undone = Math.random() < 0.25;
  let done: Committed | undefined;
  await transaction(database.pool, async (client) => {
    const update =
      'UPDATE orders SET status = $2, version = version + 1 WHERE id = $1 RETURNING version::int';
    const { rows } = await client.query<{ version: number }>(update, [orderId, undone ? 'UNDONE' : 'DONE']);
    const version = rows[0]?.version ?? 0;
    const { messageId } = await outbox.enqueue(client, {
      orderId,
      status: undone ? 'UNDONE' : 'DONE',
      version,
    });
    await sleep(Math.random() * 3);
    if (undone) throw new Undone();
    done = { messageId, orderId, version };
  }).catch((error: unknown) => {
    if (!(error instanceof Undone)) throw error;
  });
  return done;
}

class Undone extends Error {}

export interface Comparison {
  /** Committed, and not arrived. */
  readonly missing: number;
  /** Arrived, and not committed. */
  readonly invented: number;
  /** Copies beyond the first. */
  readonly doubled: number;
  /** First copies that came after a later event of their order. */
  readonly overtaken: number;
}

export function compare(committed: readonly Committed[], arrived: readonly Arrival[]): Comparison {
  const wanted = new Set(committed.map(({ messageId }) => messageId));
  const first = new Map<string, Arrival>();
  for (const each of arrived) if (!first.has(each.messageId)) first.set(each.messageId, each);
  const highest = new Map<string, number>();
  let overtaken = 0;
  for (const { orderId, version } of first.values()) {
    const before = highest.get(orderId) ?? 0;
    if (Number(version) < before) overtaken += 1;
    highest.set(orderId, Math.max(before, Number(version)));
  }
  return {
    missing: [...wanted].filter((id) => !first.has(id)).length,
    invented: [...first.keys()].filter((id) => !wanted.has(id)).length,
    doubled: arrived.length - first.size,
    overtaken,
  };
}
