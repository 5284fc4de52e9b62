import { type ChannelModel, type ConfirmChannel, connect, type GetMessage } from 'amqplib';
import { Redis } from 'ioredis';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { connectRedis } from '../../cache/connect.ts';
import type { TtlTable } from '../../cache/ttl-table.ts';
import { publishTtlTable } from '../../cache/ttl-table-redis.ts';
import { DATABASE, EVENT_SETTINGS, WORKER_CONFIG } from '../fixtures/worker-config.ts';
import {
  type Scope,
  type TestDatabase,
  type TestVhost,
  testDatabase,
  testRedis,
  testVhost,
} from '../servers/index.ts';
import { PATIENT } from './cache-world.ts';
import { declareTopology, type Topology, type TopologyOptions } from './topology.ts';
import { type Credentials, startWorker, until, type WorkerProcess } from './worker-process.ts';

/** The world around a worker: a virtual host, a key prefix and a database of the test's own. */
export interface Stage {
  readonly vhost: TestVhost;
  readonly database: TestDatabase;
  readonly redis: Redis;
  readonly keyPrefix: string;
  readonly topology: Topology;
  readonly channel: ConfirmChannel;
  readonly config: WorkerConfig;
  readonly credentials: Credentials;
}

export interface StageOptions extends TopologyOptions {
  readonly strategy?: WorkerConfig['strategy'];
  readonly versioned?: boolean;
  readonly maxAttempts?: number;
  readonly prefetchCount?: number;
  readonly redisUri?: string;
  readonly gracePeriodSeconds?: number;
  readonly confirmation?: NonNullable<WorkerConfig['confirmation']>;
}

export async function setStage(scope: Scope, options: StageOptions = {}): Promise<Stage> {
  const vhost = await testVhost(scope);
  const [database, shared] = await Promise.all([testDatabase(scope), testRedis(scope)]);
  const topology = await declareTopology(vhost, options);
  const { keyPrefix } = shared;
  const uri = options.redisUri ?? shared.uri;
  const redis = new Redis(uri);
  redis.on('error', () => undefined);
  const model = await connect(vhost.amqpUri);
  model.on('error', () => undefined);
  const channel = await model.createConfirmChannel();
  channel.on('error', () => undefined);
  scope.after(() => strike(redis, model));
  await publishTtl(uri, keyPrefix);
  return {
    vhost,
    database,
    redis,
    keyPrefix,
    topology,
    channel,
    config: configFor(topology, keyPrefix, options),
    credentials: {
      rabbitmq: { uri: vhost.amqpUri },
      redis: { uri },
      database: { uri: database.uri },
    },
  };
}

async function strike(redis: Redis, model: ChannelModel): Promise<void> {
  redis.disconnect();
  await model.close().catch(() => undefined);
}

export async function publishTtl(uri: string, keyPrefix: string, revision = 1): Promise<void> {
  const connection = connectRedis({ uri }, PATIENT);
  const table: TtlTable = {
    state: 'Active',
    owner: 'default/test/orders',
    uid: 'uid',
    revision,
    defaultSeconds: 3600,
    jitterPercent: 0,
    absentSeconds: 0,
    statuses: {},
    versionSource: 'orders.version',
  };
  try {
    await connection.ready();
    await publishTtlTable(connection, keyPrefix, table);
  } finally {
    connection.close();
  }
}

function configFor(topology: Topology, keyPrefix: string, options: StageOptions): WorkerConfig {
  return {
    ...WORKER_CONFIG,
    strategy: options.strategy ?? 'WriteThrough',
    event: { ...EVENT_SETTINGS, ...(options.versioned && { versionPointer: '/version' }) },
    rabbitmq: {
      queues: [topology.queue],
      deadLetterQueue: topology.deadLetterQueue,
      retry: { maxAttempts: options.maxAttempts ?? 3, steps: topology.steps },
    },
    redis: { keyPrefix },
    database: DATABASE,
    ...(options.confirmation && { confirmation: options.confirmation }),
    prefetchCount: options.prefetchCount ?? 500,
    terminationGracePeriodSeconds: options.gracePeriodSeconds ?? 10,
  };
}

/** Starts a worker on the stage and waits until it consumes. */
export async function startConsuming(
  scope: Scope,
  stage: Stage,
  logLevel?: string,
  main?: string,
): Promise<WorkerProcess> {
  const worker = await startWorker(scope, stage.config, stage.credentials, logLevel, main);
  await until('the worker is ready', async () => (await worker.get('/readyz')).status === 200);
  return worker;
}

export interface TestEvent {
  readonly orderId: string;
  readonly status?: string;
  readonly version?: number;
}

let messages = 0;

/** Publishes confirmed, so that the broker has it. */
export async function publish(stage: Stage, events: readonly TestEvent[]): Promise<void> {
  for (const { orderId, status = 'SENT', version } of events) {
    const event = { orderId, status, timestamp: new Date().toISOString(), version };
    publishBytes(stage, Buffer.from(JSON.stringify(event)));
  }
  await stage.channel.waitForConfirms();
}

export function publishBytes(stage: Stage, body: Buffer, options: object = {}): void {
  const messageId = `m${++messages}`;
  stage.channel.sendToQueue(stage.topology.queue, body, { persistent: true, messageId, ...options });
}

/** Puts a row in the database, replacing the one before. */
export async function writeRow(stage: Stage, id: string, status: string, version: number): Promise<void> {
  const upsert = `INSERT INTO orders VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version`;
  await stage.database.pool.query(upsert, [id, status, version]);
}

/** Puts a record in the cache, as a reader would have. */
export async function writeRecord(stage: Stage, id: string, status: string, version: number): Promise<void> {
  const fields = { status, version, source: 'orders.version', updatedAt: Date.now() };
  await stage.redis.hset(stage.keyPrefix + id, fields);
  await stage.redis.pexpire(stage.keyPrefix + id, 60_000);
}

export function statusInCache(stage: Stage, id: string): Promise<string | null> {
  return stage.redis.hget(stage.keyPrefix + id, 'status');
}

/** Waits until this many messages are acknowledged since the worker started. */
export function untilAcknowledged(worker: WorkerProcess, count: number, milliseconds?: number) {
  const look = async () => {
    const report = await worker.report();
    return report.acknowledged >= count && report;
  };
  return until(`${count} messages are acknowledged`, look, milliseconds);
}

/** Counts of a queue, read over AMQP because the management API's lag by seconds. */
export async function depth(stage: Stage, queue: string): Promise<number> {
  return (await stage.channel.checkQueue(queue)).messageCount;
}

/** Takes this many messages out of the dead-letter queue. */
export async function deadLetters(stage: Stage, count: number): Promise<GetMessage[]> {
  const found: GetMessage[] = [];
  await until(`${count} dead letters`, async () => {
    const message = await stage.channel.get(stage.topology.deadLetterQueue, { noAck: true });
    if (message !== false) found.push(message);
    return found.length >= count;
  });
  return found;
}
