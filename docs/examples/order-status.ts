/** How a shop reads the status of an order: from Redis, and from the primary database where Redis has none. */

import { createReader, type OrderStatuses as Found, type OrderStatus } from 'order-cache-operator/reader';
import pg from 'pg';

export interface OrderStatuses {
  /** Null: there is no such order. */
  of(orderId: string): Promise<OrderStatus | null>;
  /** Of many orders at once; one that could not be read fails alone. */
  ofAll(orderIds: readonly string[]): Promise<Found>;
  close(): Promise<void>;
}

export function orderStatuses(
  uris: { redis: string; database: string },
  keyPrefix = 'order:',
): OrderStatuses {
  const timeouts = { connectionTimeoutMillis: 2_000, statement_timeout: 2_500, query_timeout: 2_500 };
  const database = new pg.Pool({ connectionString: uris.database, ...timeouts });
  // An idle connection that breaks would end the process otherwise.
  database.on('error', () => undefined);
  const reader = createReader({
    // A function, so that a rotated password is used from the next connection on.
    redis: () => ({ uri: uris.redis }),
    keyPrefix,
    // For metrics: hooks: { onHit, onMiss, onLoad, onRedisFailure, onBreaker, ... }
    load: async (orderId) => {
      const query = 'SELECT status, version::text FROM orders WHERE id = $1';
      const { rows } = await database.query<{ status: string; version: string }>(query, [orderId]);
      return rows[0] ?? null;
    },
    loadMany: async (orderIds) => {
      const query = 'SELECT id, status, version::text FROM orders WHERE id = ANY($1)';
      const { rows } = await database.query<{ id: string; status: string; version: string }>(query, [
        orderIds,
      ]);
      return new Map(rows.map((row) => [row.id, row]));
    },
  });
  return {
    of: (orderId) => reader.get(orderId),
    ofAll: (orderIds) => reader.getMany(orderIds),
    close: async () => {
      await reader.close();
      await database.end();
    },
  };
}
