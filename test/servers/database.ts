import pg from 'pg';
import { ensureServers } from './ensure.ts';
import { type Scope, uniqueName } from './scope.ts';

/** A database of the test's own with an empty table `orders`. */
export interface TestDatabase {
  readonly uri: string;
  readonly database: string;
  /** As the owner of the database; at most 4 connections, statements end after 30 s. */
  readonly pool: pg.Pool;
  /** Ends the sessions of everybody but the pool, as an administrator would; resolves to how many there were. */
  closeConnections(): Promise<number>;
}

const ordersTable = `CREATE TABLE orders (
  id text PRIMARY KEY,
  status text NOT NULL,
  version bigint NOT NULL
)`;

/** Creates the database and drops it, with whoever is still connected, after the test. */
export async function testDatabase(scope: Scope): Promise<TestDatabase> {
  const { databaseUri } = await ensureServers();
  const database = uniqueName();
  await asAdministrator(databaseUri, `CREATE DATABASE ${database}`);
  const url = new URL(databaseUri);
  url.pathname = `/${database}`;
  const uri = url.href;
  const timeouts = { connectionTimeoutMillis: 20_000, query_timeout: 30_000, statement_timeout: 30_000 };
  const pool = new pg.Pool({ connectionString: uri, max: 4, application_name: 'test', ...timeouts });
  pool.on('error', () => {});
  scope.after(async () => {
    await pool.end();
    await asAdministrator(databaseUri, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  });
  await pool.query(ordersTable);
  return { uri, database, pool, closeConnections: () => closeConnections(databaseUri, database) };
}

async function closeConnections(databaseUri: string, database: string): Promise<number> {
  const sessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = '${database}' AND application_name <> 'test'`;
  return (await asAdministrator(databaseUri, sessions)).rowCount ?? 0;
}

async function asAdministrator(uri: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({
    connectionString: uri,
    connectionTimeoutMillis: 20_000,
    query_timeout: 30_000,
  });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
