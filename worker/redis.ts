import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { versionSource, type WorkerConfig } from '../api/worker-config.ts';
import { connectRedis, type RedisConnection } from '../cache/connect.ts';
import { OrderCache } from '../cache/order-cache.ts';
import { followTtlTable, type TtlTableFollower } from '../cache/ttl-table-follower.ts';
import { redisCredentials, type SecretFiles } from './credentials.ts';
import { LogLimit } from './log-limit.ts';

const TTL_PATIENCE = 3_000;

/** One set of credentials' view of Redis: the records and the TTL table. */
export class RedisAccess {
  readonly cache: OrderCache;
  readonly ttl: TtlTableFollower;
  readonly connection: RedisConnection;
  readonly #hadTable: () => boolean;

  /** @throws InvalidCredentials or RedisUriInvalid */
  constructor(files: SecretFiles, config: WorkerConfig, log: Logger) {
    const { keyPrefix } = config.redis;
    const limit = new LogLimit(3);
    let hadTable = false;
    this.#hadTable = () => hadTable;
    this.connection = connectRedis(redisCredentials(files), {
      onError: ({ kind, reason, message }) => {
        const suppressed = limit.admit(reason, Date.now());
        if (suppressed !== undefined)
          log.warn({ failure: kind, reason: message, suppressed }, 'Redis failed');
      },
    });
    const source = config.database === undefined ? null : versionSource(config.database);
    this.cache = new OrderCache(this.connection, { keyPrefix, versionSource: source });
    this.ttl = followTtlTable(this.connection, keyPrefix, {
      onChange: (table) => {
        hadTable ||= table !== null;
        log.info({ ttlRevision: table?.revision ?? null }, 'the TTL table changed');
      },
    });
  }

  /**
   * Resolves when Redis answers. After an outage the TTL table is waited for too: without it records would be dropped
   * that could be written.
   */
  async probe(): Promise<void> {
    await this.connection.ready();
    await this.connection.ping();
    await this.ttl.firstRead;
    const deadline = Date.now() + TTL_PATIENCE;
    while (this.#hadTable() && this.ttl.current() === null && Date.now() < deadline) await sleep(50);
  }

  close(): void {
    this.ttl.close();
    this.connection.close();
  }
}
