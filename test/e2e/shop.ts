import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';
import { createReader, type Reader } from '../../cache/reader.ts';
import { createPublisher, type Publisher } from '../../publisher/index.ts';
import type { Connections } from './connections.ts';
import { KEY_PREFIX } from './scene.ts';

type Initiator = 'mes' | 'crm';
const INITIATORS: readonly Initiator[] = ['mes', 'crm'];
const ROUTING_KEYS: Record<Initiator, string> = { mes: 'mes.order.status', crm: 'crm.order.status' };
const CHUNK = 100;

export interface CachedRecord {
  readonly status: string;
  readonly version: string;
  readonly secondsToLive: number;
}

/** MES, CRM, customers and an auditor, from outside the cluster with accounts of their own. */
export class Shop {
  readonly #connections: Connections;
  readonly #database: pg.Pool;
  readonly #redis: Redis;
  readonly #reader: Reader;
  readonly #publishers: Record<Initiator, Publisher>;

  constructor(connections: Connections) {
    this.#connections = connections;
    this.#database = new pg.Pool({
      connectionString: connections.database('mes'),
      statement_timeout: 20_000,
    });
    this.#database.on('error', () => {});
    this.#redis = new Redis(connections.redis('auditor'), {
      commandTimeout: 5_000,
      retryStrategy: () => 200,
    });
    this.#redis.on('error', () => {});
    this.#reader = createReader({
      redis: { uri: connections.redis('readers') },
      keyPrefix: KEY_PREFIX,
      load: async (orderId) => (await this.rows([orderId])).get(orderId) ?? null,
    });
    const publisher = (initiator: Initiator) =>
      createPublisher({
        uri: connections.amqp(initiator),
        exchange: initiator,
        timeoutMilliseconds: 30_000,
      });
    this.#publishers = { mes: publisher('mes'), crm: publisher('crm') };
  }

  async close(): Promise<void> {
    await Promise.all(INITIATORS.map((name) => this.#publishers[name].close()));
    await this.#reader.close();
    this.#redis.disconnect();
    await this.#database.end();
  }

  /** Orders of their own for a test. */
  async makeOrders(count: number): Promise<string[]> {
    const batch = randomUUID().slice(0, 8);
    const ids = Array.from({ length: count }, (_, number) => `${batch}-${number}`);
    await this.#database.query(
      `INSERT INTO orders (id, status) SELECT id, 'CREATED' FROM unnest($1::text[]) AS o(id)`,
      [ids],
    );
    return ids;
  }

  /** Customers read them, and so they are cached, when Redis is there. */
  async read(ids: readonly string[]): Promise<void> {
    for (const chunk of chunks(ids)) await Promise.all(chunk.map((id) => this.#reader.get(id)));
  }

  /** Reads them; true when all of them are cached. */
  async readIntoCache(ids: readonly string[]): Promise<boolean> {
    await this.read(ids);
    return (await this.records(ids)).size === ids.length;
  }

  /**
   * Changes the rows and, after the commit, publishes one event for each: a hundred at a time, with a pause between
   * them, so that something can happen meanwhile.
   */
  async change(by: Initiator, ids: readonly string[], status: string, pauseMilliseconds = 0): Promise<void> {
    for (const chunk of chunks(ids)) {
      await this.changeUnheard(chunk, status);
      await Promise.all(chunk.map((orderId) => this.#publish(by, orderId, status)));
      await sleep(pauseMilliseconds);
    }
  }

  /** Changes the rows; the events are lost. */
  async changeUnheard(ids: readonly string[], status: string): Promise<void> {
    await this.#database.query(
      'UPDATE orders SET status = $2, version = version + 1, updated_at = now() WHERE id = ANY($1::text[])',
      [ids, status],
    );
  }

  async #publish(by: Initiator, orderId: string, status: string): Promise<void> {
    await this.#publishers[by].publish({ orderId, status }, { routingKey: `${ROUTING_KEYS[by]}.${status}` });
  }

  /** An event that nobody can read. */
  async publishMalformed(by: Initiator): Promise<string> {
    const messageId = randomUUID();
    const connection = await connect(this.#connections.amqp(by), { timeout: 5_000 });
    const channel = await connection.createConfirmChannel();
    const options = { messageId, persistent: true };
    channel.publish(by, `${ROUTING_KEYS[by]}.BROKEN`, Buffer.from('{"orderId": "1", "status": '), options);
    await channel.waitForConfirms();
    await connection.close();
    return messageId;
  }

  async rows(ids: readonly string[]): Promise<Map<string, { status: string; version: string }>> {
    const { rows } = await this.#database.query<{ id: string; status: string; version: string }>(
      'SELECT id, status, version::text FROM orders WHERE id = ANY($1::text[])',
      [ids],
    );
    return new Map(rows.map(({ id, ...row }) => [id, row]));
  }

  /** Records in Redis, looked at with its plain client. What is not cached is not in it. */
  async records(ids: readonly string[]): Promise<Map<string, CachedRecord>> {
    const records = new Map<string, CachedRecord>();
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.hmget(`${KEY_PREFIX}${id}`, 'status', 'version').ttl(`${KEY_PREFIX}${id}`);
    const replies = (await pipeline.exec()) ?? [];
    ids.forEach((id, index) => {
      const [error, fields] = replies[2 * index] ?? [];
      if (error) throw error;
      const [status, version] = fields as (string | null)[];
      const secondsToLive = Number(replies[2 * index + 1]?.[1]);
      if (status) records.set(id, { status, version: version ?? '', secondsToLive });
    });
    return records;
  }

  /** Ids of cached orders whose record is not what the row says. */
  async stale(ids: readonly string[]): Promise<string[]> {
    const [rows, records] = [await this.rows(ids), await this.records(ids)];
    return [...records].flatMap(([id, { status, version }]) => {
      const row = rows.get(id);
      return row?.status === status && row.version === version ? [] : [id];
    });
  }

  async redisRunId(): Promise<string> {
    return /run_id:(\w+)/.exec(await this.#redis.info('server'))?.[1] ?? '';
  }

  async redisKeys(pattern: string): Promise<string[]> {
    const keys = new Set<string>();
    for await (const page of this.#redis.scanStream({ match: pattern, count: 1000 })) {
      for (const key of page as string[]) keys.add(key);
    }
    return [...keys].sort();
  }

  get(key: string): Promise<string | null> {
    return this.#redis.get(key);
  }
}

function chunks<T>(items: readonly T[]): T[][] {
  const count = Math.ceil(items.length / CHUNK);
  return Array.from({ length: count }, (_, index) => items.slice(index * CHUNK, (index + 1) * CHUNK));
}
