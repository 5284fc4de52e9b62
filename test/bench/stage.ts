import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { deadLetterQueueName } from '../../api/names.ts';
import { connectRedis, publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { testDatabase, testRedis, testVhost } from '../servers/index.ts';
import type { BenchOptions } from './options.ts';

/** What an order's row and the events about it say, and what the cache says before the events. */
const ROW = { status: 'IN_PRODUCTION', version: 2 };
const CACHED = { status: 'RELEASED', version: 1 };
export const POLICY_UID = 'bench';
export const VERSION_SOURCE = 'orders.version';

/** Real servers with the orders in the database; each round gets a queue and a cache of its own. */
export interface Stage {
  readonly amqpUri: string;
  readonly redisUri: string;
  readonly databaseUri: string;
  readonly keyPrefix: string;
  /** Every second order cached, an outdated record with an hour to live. */
  warm(): Promise<void>;
  /** A quorum queue, as the operator declares it, with the events of a round. */
  fill(queue: string): Promise<void>;
  remove(queue: string): Promise<void>;
  messagesIn(queue: string): Promise<number>;
  /** What the cache says of the orders that were cached. */
  cached(): Promise<CacheContent>;
  close(): Promise<void>;
}

export interface CacheContent {
  readonly current: number;
  readonly outdated: number;
  readonly absent: number;
}

export async function openStage(options: BenchOptions): Promise<Stage> {
  const cleanups: (() => Promise<void>)[] = [];
  const scope = { after: (cleanup: () => Promise<void>) => void cleanups.push(cleanup) };
  const [vhost, testedRedis, database] = [
    await testVhost(scope),
    await testRedis(scope),
    await testDatabase(scope),
  ];
  const { uri: redisUri, keyPrefix } = testedRedis;
  await insertOrders(database.pool, options.orders);
  await publishTable(redisUri, keyPrefix);
  const redis = new Redis(redisUri, { commandTimeout: 30_000 });
  const connection = await vhost.connect();
  const channel = await connection.createConfirmChannel();
  return {
    amqpUri: vhost.amqpUri,
    redisUri,
    databaseUri: database.uri,
    keyPrefix,
    warm: () => warm(redis, keyPrefix, options),
    fill: (queue) => fill(connection, queue, options),
    remove: async (queue) => {
      await channel.deleteQueue(queue);
      await channel.deleteQueue(deadLetterQueueName(queue));
    },
    messagesIn: async (queue) => (await channel.checkQueue(queue)).messageCount,
    cached: () => cacheContent(redis, keyPrefix, options),
    close: async () => {
      redis.disconnect();
      for (const cleanup of cleanups) await cleanup();
    },
  };
}

const orderId = (index: number) => `order-${String(index).padStart(7, '0')}`;

async function insertOrders(pool: Pool, orders: number): Promise<void> {
  const ids = `SELECT 'order-' || lpad(i::text, 7, '0'), '${ROW.status}', ${ROW.version} FROM generate_series(0, $1) i`;
  await pool.query(`INSERT INTO orders (id, status, version) ${ids}`, [orders - 1]);
  await pool.query('ANALYZE orders');
}

async function publishTable(redisUri: string, keyPrefix: string): Promise<void> {
  const connection = connectRedis({ uri: redisUri });
  const statuses = { DELIVERED: 600, IN_PRODUCTION: 7200 };
  const policy = { owner: 'bench/bench/bench', uid: POLICY_UID, revision: 1 };
  const times = {
    defaultSeconds: 3600,
    jitterPercent: 10,
    absentSeconds: 0,
    statuses,
    versionSource: VERSION_SOURCE,
  };
  while (
    !(await connection.ping().then(
      () => true,
      () => false,
    ))
  )
    await new Promise((again) => setTimeout(again, 50));
  await publishTtlTable(connection, keyPrefix, { state: 'Active', ...policy, ...times });
  connection.close();
}

async function* cachedOrders(options: BenchOptions): AsyncGenerator<string[]> {
  for (let start = 0; start < options.orders; start += 10_000) {
    const indexes = Array.from({ length: Math.min(10_000, options.orders - start) }, (_, i) => start + i);
    yield indexes.filter((index) => index % 2 === 0).map(orderId);
  }
}

async function warm(redis: Redis, keyPrefix: string, options: BenchOptions): Promise<void> {
  const updatedAt = String(Date.now());
  for await (const ids of cachedOrders(options)) {
    const pipeline = redis.pipeline();
    for (const id of ids) {
      const key = keyPrefix + id;
      pipeline.unlink(key);
      pipeline.hset(key, { ...CACHED, source: VERSION_SOURCE, updatedAt });
      pipeline.expire(key, 3600);
    }
    await pipeline.exec();
  }
}

async function cacheContent(redis: Redis, keyPrefix: string, options: BenchOptions): Promise<CacheContent> {
  const content = { current: 0, outdated: 0, absent: 0 };
  for await (const ids of cachedOrders(options)) {
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hget(keyPrefix + id, 'status');
    for (const [, status] of (await pipeline.exec()) ?? [])
      content[status === ROW.status ? 'current' : status === null ? 'absent' : 'outdated'] += 1;
  }
  return content;
}

/** The arguments that the operator gives to a queue. */
function queueArguments(queue: string) {
  return {
    'x-queue-type': 'quorum',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': deadLetterQueueName(queue),
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
    'x-delivery-limit': 20,
  };
}

async function fill(connection: ChannelModel, queue: string, options: BenchOptions): Promise<void> {
  const channel = await connection.createConfirmChannel();
  const dead = { durable: true, arguments: { 'x-queue-type': 'quorum' } };
  await channel.assertQueue(deadLetterQueueName(queue), dead);
  await channel.assertQueue(queue, { durable: true, arguments: queueArguments(queue) });
  const events = options.warmUp + options.events;
  for (let start = 0; start < events; start += 2_000) {
    const end = Math.min(start + 2_000, events);
    for (let index = start; index < end; index += 1) publish(channel, queue, index, options);
    await channel.waitForConfirms();
  }
  await channel.close();
}

function publish(channel: ConfirmChannel, queue: string, index: number, options: BenchOptions): void {
  const { status, version } = ROW;
  const event = { orderId: orderId(orderOf(index, options)), status, timestamp: new Date().toISOString() };
  const body = Buffer.from(JSON.stringify(options.versioned ? { ...event, version } : event));
  const properties = { persistent: true, contentType: 'application/json', messageId: `event-${index}` };
  channel.sendToQueue(queue, body, properties);
}

/** Scattered by a multiplier that is prime to any number of orders, the same in every round. */
function orderOf(index: number, { orders, hotPercent }: BenchOptions): number {
  if (index % 100 < hotPercent) return 0;
  return (index * 1_000_003) % orders;
}
