import { Redis } from 'ioredis';
import type { WorkerConfig } from '../../api/worker-config.ts';
import { DATABASE, WORKER_CONFIG } from '../fixtures/worker-config.ts';
import { type Scope, type TestDatabase, testDatabase } from '../servers/index.ts';
import { type MaintenanceOptions, type MaintenanceProcess, startMaintenance } from './maintenance-process.ts';
import { publishTtl } from './worker-stage.ts';

/** Orders in a database of the test's own and records in a Redis that the test may break. */
export interface CatchUpStage {
  readonly database: TestDatabase;
  readonly redis: Redis;
  readonly config: WorkerConfig;
  maintenance(options?: Partial<MaintenanceOptions>): Promise<MaintenanceProcess>;
  /** Rows of these orders, all with this status and version. */
  rows(orderIds: readonly string[], status: string, version: number): Promise<void>;
  /** Records of these orders, as a reader has filled them. */
  records(orderIds: readonly string[], status: string, version: number, client?: Redis): Promise<void>;
  /** How many records say something else than this status; an absent one is right. */
  stale(orderIds: readonly string[], status: string, client?: Redis): Promise<number>;
}

export interface CatchUpStageOptions {
  readonly strategy?: WorkerConfig['strategy'];
  readonly keyPrefix?: string;
  readonly withDatabase?: boolean;
  /** Default: that of Redis, by which the records are looked at too. */
  readonly uri?: string;
}

export const KEY_PREFIX = 'order:';

export async function catchUpStage(
  scope: Scope,
  redisUri: string,
  options: CatchUpStageOptions = {},
): Promise<CatchUpStage> {
  const { strategy = 'WriteThrough', keyPrefix = KEY_PREFIX, withDatabase = true, uri = redisUri } = options;
  const database = await testDatabase(scope);
  const redis = new Redis(redisUri, { commandTimeout: 20_000 });
  redis.on('error', () => undefined);
  scope.after(async () => redis.disconnect());
  await publishTtl(uri, keyPrefix);
  const config = {
    ...WORKER_CONFIG,
    strategy,
    redis: { keyPrefix },
    ...(withDatabase && { database: DATABASE }),
  };
  const credentials = { redis: { uri }, database: { uri: database.uri } };
  return {
    database,
    redis,
    config,
    maintenance: (more = {}) => startMaintenance(scope, { config, credentials, ...more }),
    rows: async (orderIds, status, version) => {
      const upsert = `INSERT INTO orders SELECT id, $2, $3 FROM unnest($1::text[]) AS id
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, version = excluded.version`;
      await database.pool.query(upsert, [orderIds, status, version]);
    },
    records: async (orderIds, status, version, client = redis) => {
      const pipeline = client.pipeline();
      const fields = { status, version, source: 'orders.version', updatedAt: 1 };
      for (const id of orderIds) pipeline.hset(keyPrefix + id, fields).pexpire(keyPrefix + id, 3_600_000);
      await pipeline.exec();
    },
    stale: async (orderIds, status, client = redis) => {
      const found = await Promise.all(orderIds.map((id) => client.hget(keyPrefix + id, 'status')));
      return found.filter((one) => one !== null && one !== status).length;
    },
  };
}

export function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `O${index}`);
}
