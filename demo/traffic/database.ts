import pg from 'pg';
import { print } from './lines.ts';
import { orderIdOf, type Settings, uri } from './settings.ts';

/** Creates the orders; what is there stays. */
export async function seedOrders(settings: Settings): Promise<void> {
  const client = new pg.Client({ connectionString: uri('DATABASE_URI'), statement_timeout: 60_000 });
  await client.connect();
  const ids = Array.from({ length: settings.orders }, (_, number) => orderIdOf(number));
  await client.query(
    `INSERT INTO orders (id, status) SELECT id, 'CREATED' FROM unnest($1::text[]) AS o(id) ON CONFLICT DO NOTHING`,
    [ids],
  );
  await client.end();
  print({ kind: 'seeded', orders: settings.orders });
}

export interface OrderRow {
  readonly status: string;
  readonly version: string;
}

export async function readRows(client: pg.Client | pg.Pool, ids: string[]): Promise<Map<string, OrderRow>> {
  const { rows } = await client.query<{ id: string } & OrderRow>(
    'SELECT id, status, version::text FROM orders WHERE id = ANY($1::text[])',
    [ids],
  );
  return new Map(rows.map(({ id, ...row }) => [id, row]));
}
