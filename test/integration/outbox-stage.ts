import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import pg from 'pg';
import {
  createOutboxRelay,
  type OutboxDatabase,
  type OutboxRelay,
  type OutboxRelayOptions,
  type OutboxSqlOptions,
  outboxSql,
  type RelayFailure,
} from '../../publisher/index.ts';
import { type TestDatabase, type TestVhost, testDatabase, testVhost } from '../servers/index.ts';

export interface OutboxStage {
  readonly database: TestDatabase;
  readonly vhost: TestVhost;
  readonly channel: Channel;
  /** Failures that the relays have told, and trouble, in order. */
  readonly failures: RelayFailure[];
  readonly trouble: string[];
  relay(
    more?: Partial<OutboxRelayOptions>,
    wrapped?: (database: OutboxDatabase) => OutboxDatabase,
  ): OutboxRelay;
  /** Every message so far, in the order of the queue; grows. */
  readonly arrived: Arrival[];
}

export interface Arrival {
  readonly messageId: string;
  readonly orderId: string;
  readonly status: string;
  readonly version: unknown;
  readonly at: number;
  readonly message: ConsumeMessage;
}

/** A pool for relays, ended with the test. */
export function relayPool(t: TestContext, uri: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: uri,
    application_name: 'relay',
    connectionTimeoutMillis: 3_000,
  });
  pool.on('error', () => {});
  t.after(() => {
    void pool.end();
  });
  return pool;
}

/** A topic exchange `mes` with a quorum queue for `mes.#`, and a database with the outbox. */
export async function outboxStage(
  t: TestContext,
  sql: OutboxSqlOptions = {},
  queueArguments: Record<string, unknown> = {},
): Promise<OutboxStage> {
  const relays: OutboxRelay[] = [];
  t.after(async () => {
    await Promise.all(relays.map((relay) => relay.close()));
  });
  const [vhost, database] = [await testVhost(t), await testDatabase(t)];
  await database.pool.query(outboxSql(sql));
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const arguments_ = { 'x-queue-type': 'quorum', ...queueArguments };
  await channel.assertQueue('orders', { durable: true, arguments: arguments_ });
  await channel.bindQueue('orders', 'mes', 'mes.#');
  const [failures, trouble]: [RelayFailure[], string[]] = [[], []];
  const stage = {
    database,
    vhost,
    channel,
    failures,
    trouble,
    arrived: await arrivals(channel),
    relay: (more: Partial<OutboxRelayOptions> = {}, wrapped = (each: OutboxDatabase) => each) => {
      const relay = createOutboxRelay({
        database: wrapped(relayPool(t, database.uri)),
        rabbitmq: { uri: vhost.amqpUri },
        onFailure: (failure) => failures.push(failure),
        onTrouble: ({ message }) => trouble.push(message),
        ...more,
      });
      relays.push(relay);
      return relay;
    },
  };
  return stage;
}

async function arrivals(channel: Channel): Promise<Arrival[]> {
  const arrived: Arrival[] = [];
  const take = (message: ConsumeMessage | null) => {
    if (message === null) return;
    const { orderId, status, version } = JSON.parse(message.content.toString());
    const { messageId } = message.properties;
    arrived.push({ messageId, orderId, status, version, at: performance.now(), message });
  };
  await channel.consume('orders', take, { noAck: true });
  return arrived;
}

/** @throws Error when it is not so within `milliseconds`: the default is for a busy machine */
export async function soon(
  what: string,
  holds: () => boolean | Promise<boolean>,
  milliseconds = 60_000,
): Promise<void> {
  const deadline = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await sleep(10);
  }
}

export async function pending(database: TestDatabase): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>('SELECT count(*)::int FROM order_outbox');
  return rows[0]?.count ?? 0;
}

/** In a transaction of its own; what it throws rolls back. */
export async function transaction(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await work(client);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}
