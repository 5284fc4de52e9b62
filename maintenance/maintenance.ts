import type { Logger } from 'pino';
import type { MaintenanceConnection, MaintenanceReport } from '../api/maintenance.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import { RedisFailure } from '../cache/failure.ts';
import { databaseCredentials } from '../worker/credentials.ts';
import type { CredentialsDirectory } from '../worker/credentials-directory.ts';
import { DatabaseUnavailable, OrdersTable } from '../worker/orders-table.ts';
import { type Dependency, Outages } from '../worker/outages.ts';
import { RedisAccess } from '../worker/redis.ts';
import { Renewable } from '../worker/renewable.ts';
import { CatchUp } from './catch-up.ts';
import { CatchUpStore } from './catch-up-store.ts';
import { MaintenanceMetrics } from './metrics.ts';
import { RunningRelay } from './outbox-relay.ts';
import type { MaintenanceSettings } from './settings.ts';

/** Every await has a deadline of some seconds, and the slowest declared rate waits a second: longer is stuck. */
const STUCK = 120_000;

/** What is the same for the whole life of the pod. */
export interface MaintenanceOptions {
  readonly config: WorkerConfig;
  readonly configHash: string;
  readonly settings: MaintenanceSettings;
  readonly credentials: CredentialsDirectory<MaintenanceConnection>;
  readonly log: Logger;
}

/** The maintenance pod: its parts, its life, and what it says of itself. */
export class Maintenance {
  readonly metrics: MaintenanceMetrics;
  readonly #options: MaintenanceOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #redis: Renewable<RedisAccess>;
  readonly #database: Renewable<OrdersTable> | undefined;
  readonly #outages: Outages;
  readonly #catchUp: CatchUp;
  readonly #relay: Renewable<RunningRelay> | undefined;
  #draining = false;
  #ended: Promise<void> = Promise.resolve();

  /** @throws InvalidCredentials or RedisUriInvalid: nothing was started then */
  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { credentials, log } = options;
    this.#database = databaseOf(options);
    this.#redis = new Renewable({
      create: () => new RedisAccess(credentials.files('redis'), options.config, log),
      verify: (redis) => redis.probe(),
      dispose: (redis) => redis.close(),
      log: log.child({ connection: 'redis' }),
    });
    this.#relay = relayOf(options);
    this.#outages = new Outages({
      dependencyOf,
      probe: (dependency) => this.#probe(dependency),
      onPause: () => undefined,
      onResume: () => undefined,
      log,
    });
    this.metrics = new MaintenanceMetrics(() => this.report());
    this.#catchUp = this.#makeCatchUp(options);
    credentials.watch((name) => this.#rotated(name));
  }

  /** Works until `drain`. */
  async start(): Promise<void> {
    await this.#redis.current.ttl.firstRead;
    this.#ended = this.#catchUp.run();
    await this.#ended;
  }

  get ready(): boolean {
    return this.#catchUp.hasLooked;
  }

  get alive(): boolean {
    return this.#catchUp.idleFor < STUCK || this.#outages.current !== undefined;
  }

  report(): MaintenanceReport {
    const { current } = this.#outages;
    const pausedBecause: PauseReason[] = current === undefined || this.#draining ? [] : [current];
    return {
      policyUid: this.#options.config.policy.uid,
      configHash: this.#options.configHash,
      startedAt: this.#startedAt,
      state: this.#state(pausedBecause),
      pausedBecause,
      catchUp: this.#catchUp.report(),
      relay: this.#relay?.current.report() ?? null,
    };
  }

  /** Finishes the page and the batch in hand; the rest goes on after the next start. Never rejects. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#catchUp.stop();
    this.#outages.abandon();
    await Promise.all([this.#ended, this.#relay?.current.close()]);
    this.#redis.close();
    this.#database?.close();
    this.#options.credentials.close();
  }

  #makeCatchUp({ config, settings, log }: MaintenanceOptions): CatchUp {
    return new CatchUp({
      config,
      requests: settings.requests,
      maxOrdersPerSecond: settings.maxOrdersPerSecond,
      connection: () => this.#redis.current.connection,
      store: new CatchUpStore(config.redis.keyPrefix),
      comparedWith: () => ({
        cache: this.#redis.current.cache,
        database: this.#database?.current,
        strategy: config.strategy,
        ttl: this.#redis.current.ttl.current(),
      }),
      redisReady: () => this.#redis.current.probe(),
      outages: this.#outages,
      compared: (compared) => this.metrics.compared(compared),
      log,
    });
  }

  async #probe(dependency: Dependency): Promise<void> {
    if (dependency === 'RedisUnavailable') return this.#redis.current.probe();
    await this.#database?.current.probe();
  }

  #rotated(name: MaintenanceConnection): void {
    this.#options.log.info({ connection: name }, 'the credentials have changed');
    if (name === 'redis') this.#redis.renew();
    else if (name === 'database') this.#database?.renew();
    else this.#relay?.renew();
  }

  #state(pausedBecause: readonly PauseReason[]): MaintenanceReport['state'] {
    if (this.#draining) return 'Draining';
    if (pausedBecause.length > 0) return 'Paused';
    return this.#catchUp.hasLooked ? 'Running' : 'Starting';
  }
}

function databaseOf({
  config: { database },
  credentials,
  log,
}: MaintenanceOptions): Renewable<OrdersTable> | undefined {
  if (database === undefined) return undefined;
  return new Renewable({
    create: () => new OrdersTable(databaseCredentials(credentials.files('database')), database, log),
    verify: (table) => table.probe(),
    dispose: (table) => void table.close(),
    log: log.child({ connection: 'database' }),
  });
}

/** Two relays at once, while credentials change, do no work twice. */
function relayOf({ settings, credentials, log }: MaintenanceOptions): Renewable<RunningRelay> | undefined {
  const { outboxTable } = settings;
  if (outboxTable === undefined) return undefined;
  const relayLog = log.child({ connection: 'outbox' });
  return new Renewable({
    create: () =>
      new RunningRelay(
        credentials.files('outbox-rabbitmq'),
        credentials.files('outbox-database'),
        outboxTable,
        relayLog,
      ),
    verify: (relay) => relay.proven(),
    dispose: (relay) => void relay.close(),
    log: relayLog,
  });
}

function dependencyOf(error: unknown): Dependency | undefined {
  if (error instanceof RedisFailure) return 'RedisUnavailable';
  return error instanceof DatabaseUnavailable ? 'DatabaseUnavailable' : undefined;
}
