import pg from 'pg';
import type { DatabaseCredentials } from './credentials.ts';
import { DatabaseUnavailable } from './database-failure.ts';

/** All in milliseconds. */
const CONNECT_TIMEOUT = 3_000;
const STATEMENT_TIMEOUT = 5_000;
/** Longer than the server's own, so that the server's answer is seen when there is one. */
const ANSWER_TIMEOUT = 6_000;
/** How long a write waits for a row that somebody else has locked. */
const LOCK_TIMEOUT = 1_000;

/** Connections to the primary. A replica answers with the past, so a connection to one is refused. */
export function ordersPool({ tls, ...login }: DatabaseCredentials, writes: boolean): pg.Pool {
  const pool = new pg.Pool({
    ...login,
    ssl: tls === undefined ? false : { ...tls, rejectUnauthorized: true },
    application_name: 'order-cache-worker',
    max: 2,
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    statement_timeout: STATEMENT_TIMEOUT,
    query_timeout: ANSWER_TIMEOUT,
    ...(writes && { lock_timeout: LOCK_TIMEOUT }),
    idleTimeoutMillis: 60_000,
    maxLifetimeSeconds: 600,
    keepAlive: true,
    verify: (client, done) => void verifyPrimary(client).then(() => done(), done),
  });
  // An idle connection that breaks is no event's concern: the next statement opens another.
  pool.on('error', () => undefined);
  return pool;
}

async function verifyPrimary(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica');
  if (rows[0]?.replica !== false) {
    throw new DatabaseUnavailable(
      'database/uri: expected the primary, got a replica, which answers with the past',
    );
  }
}
