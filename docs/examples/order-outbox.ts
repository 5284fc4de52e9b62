/** How MES or CRM changes an order so that its event cannot be lost: in the same transaction. See docs/outbox.md. */

import { createOutbox, createOutboxRelay, type OutboxRelay } from 'order-cache-operator/publisher';
import pg from 'pg';

const outbox = createOutbox({
  exchange: 'mes',
  routingKey: ({ status }) => `mes.order.status.${status}`,
});

/** First the row, then the event: the row's lock keeps the events of an order in the order of their commits. */
export async function changeStatus(database: pg.Pool, orderId: string, status: string): Promise<void> {
  const client = await database.connect();
  try {
    await client.query('BEGIN');
    await client.query('UPDATE orders SET status = $2, version = version + 1 WHERE id = $1', [
      orderId,
      status,
    ]);
    await outbox.enqueue(client, { orderId, status });
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** Once per replica of a service of yours, unless the policy's maintenance pod does it (spec.outbox). */
export function startRelay(uris: { database: string; rabbitmq: string }): OutboxRelay {
  const database = new pg.Pool({ connectionString: uris.database, connectionTimeoutMillis: 3_000 });
  database.on('error', () => undefined);
  return createOutboxRelay({
    database,
    rabbitmq: { uri: uris.rabbitmq },
    onTrouble: ({ message }) => console.warn(`outbox: ${message}`),
    onFailure: ({ orderId, detail }) =>
      console.error(`outbox: the event of ${orderId} is not taken: ${detail}`),
  });
}
