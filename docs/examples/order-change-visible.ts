/** How MES changes an order and goes on when every reader sees the change. Needs a policy with spec.confirmation. */

import { PublishError, type Publisher } from 'order-cache-operator/publisher';
import type { Pool } from 'pg';

/** False: the change is made and published, but nobody has said yet that readers see it. */
export async function changeStatusVisibly(
  database: Pool,
  publisher: Publisher,
  orderId: string,
  status: string,
): Promise<boolean> {
  await database.query('UPDATE orders SET status = $2, version = version + 1 WHERE id = $1', [
    orderId,
    status,
  ]);
  try {
    await publisher.publishAndWait({ orderId, status }, { timeoutMilliseconds: 2_000 });
    return true;
  } catch (error) {
    if (error instanceof PublishError && error.reason === 'NotConfirmed') return false;
    throw error;
  }
}
