/** How a shop reads the status of an order: from Redis, and from the primary database where Redis has none. */
import pg from 'pg';
// In a project of yours: from 'order-cache-operator/reader'.
import { createReader, type OrderStatus } from '../../cache/reader.ts';

export interface OrderStatuses {
  /** Null: there is no such order. */
  of(orderId: string): Promise<OrderStatus | null>;
  close(): Promise<void>;
}

export function orderStatuses(
  uris: { redis: string; database: string },
  keyPrefix = 'order:',
): OrderStatuses {
  const database = new pg.Pool({ connectionString: uris.database, statement_timeout: 2_500 });
  const reader = createReader({
    redis: { uri: uris.redis },
    keyPrefix,
    load: async (orderId) => {
      const query = 'SELECT status, version::text FROM orders WHERE id = $1';
      const { rows } = await database.query<{ status: string; version: string }>(query, [orderId]);
      return rows[0] ?? null;
    },
  });
  return {
    of: (orderId) => reader.get(orderId),
    close: async () => {
      await reader.close();
      await database.end();
    },
  };
}
