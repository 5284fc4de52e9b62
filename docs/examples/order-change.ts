/** How MES or CRM changes an order: commit first, then publish, so that whoever hears of it can see the row. */

import { createPublisher } from 'order-cache-operator/publisher';
import type { Pool } from 'pg';

export type Publisher = ReturnType<typeof createPublisher>;

export function mesPublisher(uri: string): Publisher {
  return createPublisher({
    uri,
    exchange: 'mes',
    routingKey: ({ status }) => `mes.order.status.${status}`,
  });
}

/** Throws PublishError when the broker did not confirm: publish again with the same message id, that is safe. */
export async function changeStatus(
  database: Pool,
  publisher: Publisher,
  orderId: string,
  status: string,
): Promise<void> {
  await database.query('UPDATE orders SET status = $2, version = version + 1 WHERE id = $1', [
    orderId,
    status,
  ]);
  await publisher.publish({ orderId, status }, { messageId: `${orderId}/${crypto.randomUUID()}` });
}
