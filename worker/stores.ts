import type { Logger } from 'pino';
import type { WorkerConfig } from '../api/worker-config.ts';
import { RedisFailure } from '../cache/failure.ts';
import { databaseCredentials, type SecretFiles } from './credentials.ts';
import { DatabaseUnavailable } from './database-failure.ts';
import { OrdersTable } from './orders-table.ts';
import type { Dependency } from './outages.ts';
import { RedisAccess } from './redis.ts';
import { Renewable } from './renewable.ts';
import type { WriteOrder } from './write-order.ts';

type Store = 'redis' | 'database';

export interface StoresOptions {
  readonly config: WorkerConfig;
  readonly credentials: { files(name: Store): SecretFiles };
  readonly log: Logger;
  /** Absent: no row is written. */
  readonly order?: WriteOrder | undefined;
}

/** Where the orders of a policy are: Redis, and the database if it has one. Their credentials may change. */
export class Stores {
  readonly #redis: Renewable<RedisAccess>;
  readonly #database: Renewable<OrdersTable> | undefined;

  /** @throws InvalidCredentials or RedisUriInvalid: nothing was started then */
  constructor(options: StoresOptions) {
    const { config, credentials, log } = options;
    this.#database = databaseOf(options);
    this.#redis = new Renewable({
      create: () => new RedisAccess(credentials.files('redis'), config, log),
      verify: (redis) => redis.probe(),
      dispose: (redis) => redis.close(),
      log: log.child({ connection: 'redis' }),
    });
  }

  get redis(): RedisAccess {
    return this.#redis.current;
  }

  /** Undefined: the policy declares none. */
  get database(): OrdersTable | undefined {
    return this.#database?.current;
  }

  /** Resolves when the dependency seems to work. */
  async probe(dependency: Dependency): Promise<void> {
    if (dependency === 'RedisUnavailable') return this.redis.probe();
    await this.database?.probe();
  }

  /** The credentials have changed. */
  renew(store: Store): void {
    if (store === 'redis') this.#redis.renew();
    else this.#database?.renew();
  }

  close(): void {
    this.#redis.close();
    this.#database?.close();
  }
}

/** Which of them an error tells to be away; undefined: neither. */
export function dependencyOf(error: unknown): Dependency | undefined {
  if (error instanceof RedisFailure) return 'RedisUnavailable';
  return error instanceof DatabaseUnavailable ? 'DatabaseUnavailable' : undefined;
}

function databaseOf({ config, credentials, log, order }: StoresOptions): Renewable<OrdersTable> | undefined {
  const { database } = config;
  if (database === undefined) return undefined;
  return new Renewable({
    create: () => new OrdersTable(databaseCredentials(credentials.files('database')), database, log, order),
    verify: (table) => table.probe(),
    dispose: (table) => void table.close(),
    log: log.child({ connection: 'database' }),
  });
}
