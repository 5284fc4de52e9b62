import pg from 'pg';
import { pino } from 'pino';
import { eventDecoder } from '../../api/event-decode.ts';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { connectRedis } from '../../cache/connect.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { createReader, type Reader } from '../../cache/reader.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { databaseCredentials } from '../../worker/credentials.ts';
import type { Handler } from '../../worker/handle.ts';
import { OrdersTable } from '../../worker/orders-table.ts';
import { Outages } from '../../worker/outages.ts';
import { Turns } from '../../worker/turns.ts';
import { orderedEvents } from '../../worker/write-order.ts';
import { DATABASE, EVENT_SETTINGS, WORKER_CONFIG } from '../fixtures/worker-config.ts';
import { testDatabase, testRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { pause } from './actors.ts';
import { type Order, sawRow, watchSteps } from './order.ts';

const log = pino({ level: 'silent' });
const SOURCE = 'orders.version';

export const TABLE: TtlTable = {
  state: 'Active',
  owner: 'test/shop/orders',
  uid: 'uid-1',
  revision: 1,
  defaultSeconds: 3600,
  jitterPercent: 10,
  absentSeconds: 600,
  statuses: {},
  versionSource: SOURCE,
};

/** What a policy says, as far as schedules differ in it. */
export interface Policy {
  readonly strategy: WorkerConfig['strategy'];
  readonly versioned?: boolean;
  /** None: ReadThrough without a database. */
  readonly writer?: 'Initiator' | 'Worker' | 'None';
}

/** Real Redis and PostgreSQL, real readers, and workers that get their deliveries from a schedule. */
export interface Stage {
  readonly cache: OrderCache;
  readonly pool: pg.Pool;
  /** Readers of their own process each: they share nothing but Redis and the database. */
  reader(index: number): Reader;
  worker(policy: Policy, order: Order, turns?: Turns): Handler;
  /** Expiry, or eviction. */
  remove(orderId: string): Promise<void>;
  /** What the key holds. */
  look(orderId: string): Promise<{ readonly status?: string; readonly lease?: string }>;
  readonly table: OrdersTable;
}

export async function setStage(scope: Scope, readers: number): Promise<Stage> {
  watchSteps();
  const [{ uri, keyPrefix }, database] = await Promise.all([testRedis(scope), testDatabase(scope)]);
  const connection = connectRedis({ uri }, { commandTimeoutMs: 20_000, connectTimeoutMs: 20_000 });
  scope.after(async () => connection.close());
  await connection.ready();
  await publishTtlTable(connection, keyPrefix, TABLE);
  const credentials = databaseCredentials({ uri: database.uri });
  // An open transaction keeps a connection between the steps of its schedule.
  const timeouts = { connectionTimeoutMillis: 30_000, query_timeout: 30_000 };
  const pool = new pg.Pool({ connectionString: database.uri, max: 2 * readers, ...timeouts });
  pool.on('error', () => {});
  scope.after(() => pool.end());
  const tables = {
    Initiator: new OrdersTable(credentials, databaseOf('Initiator'), log),
    Worker: new OrdersTable(credentials, databaseOf('Worker'), log, 'Timestamp'),
    WorkerByVersion: new OrdersTable(credentials, databaseOf('Worker'), log, 'Version'),
  };
  for (const each of Object.values(tables)) scope.after(() => each.close());
  const table = ({ writer, versioned }: Policy) => {
    if (writer !== 'Worker') return tables.Initiator;
    return versioned ? tables.WorkerByVersion : tables.Worker;
  };
  const cache = new OrderCache(connection, { keyPrefix, versionSource: SOURCE });
  const made = Array.from({ length: readers }, () => openReader(uri, keyPrefix, pool));
  scope.after(async () => void (await Promise.all(made.map((reader) => reader.close()))));
  await Promise.all(made.map((reader) => reader.get('warm-up')));
  return {
    cache,
    pool,
    reader: (index) => made[index] as Reader,
    worker: (policy, order, turns) => workerFor(policy, order, keyPrefix, cache, table, turns),
    remove: async (orderId) => void (await connection.run((client) => client.del(keyPrefix + orderId))),
    look: (orderId) => connection.run((client) => client.hgetall(keyPrefix + orderId)),
    table: tables.Initiator,
  };
}

function openReader(uri: string, keyPrefix: string, pool: pg.Pool): Reader {
  const load = async (orderId: string) => {
    await pause('load');
    const select = 'SELECT status, version::text FROM orders WHERE id = $1';
    const { rows } = await pool.query<{ status: string; version: string }>(select, [orderId]);
    sawRow(orderId);
    return rows[0] ?? null;
  };
  const patient = { redisTimeoutMs: 10_000, loadTimeoutMs: 60_000, waitForOthersMs: 0 };
  return createReader({ redis: { uri }, keyPrefix, load, ...patient });
}

function workerFor(
  policy: Policy,
  order: Order,
  keyPrefix: string,
  cache: OrderCache,
  table: (policy: Policy) => OrdersTable,
  turns = new Turns(),
): Handler {
  const config = configOf(policy, keyPrefix);
  return {
    config,
    decode: orderedEvents(eventDecoder(config.event), config, Date.now),
    cache: () => cache,
    database: () => (policy.writer === 'None' ? undefined : table(policy)),
    ttl: () => TABLE,
    outages: new Outages({
      dependencyOf: () => undefined,
      probe: async () => {},
      onPause: () => {},
      onResume: () => {},
      log,
    }),
    turns,
    perform: (delivery, verdict) => order.ended(delivery, verdict),
    failed: (_, error) => {
      throw error;
    },
    acknowledge: () => order.acknowledge(),
  };
}

function databaseOf(writer: 'Initiator' | 'Worker') {
  return { ...DATABASE, writer };
}

function configOf({ strategy, versioned, writer = 'Initiator' }: Policy, keyPrefix: string): WorkerConfig {
  const steps = [{ exchange: 'delay.1s', delaySeconds: 1 }];
  return {
    ...WORKER_CONFIG,
    strategy,
    event: {
      ...EVENT_SETTINGS,
      timestampFormat: 'UnixMicroseconds',
      ...(versioned && { versionPointer: '/version' }),
    },
    rabbitmq: { ...WORKER_CONFIG.rabbitmq, retry: { maxAttempts: 3, steps } },
    redis: { keyPrefix },
    ...(writer !== 'None' && { database: databaseOf(writer) }),
  };
}
