import type { Logger } from 'pino';
import type { MaintenanceConnection, MaintenanceReport } from '../api/maintenance.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { CredentialsDirectory } from '../worker/credentials-directory.ts';
import { Outages } from '../worker/outages.ts';
import { Renewable } from '../worker/renewable.ts';
import { dependencyOf, Stores } from '../worker/stores.ts';
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
  readonly #stores: Stores;
  readonly #outages: Outages;
  readonly #catchUp: CatchUp;
  readonly #relay: Renewable<RunningRelay> | undefined;
  #draining = false;
  #ended: Promise<void> = Promise.resolve();

  /** @throws InvalidCredentials or RedisUriInvalid: nothing was started then */
  constructor(options: MaintenanceOptions) {
    this.#options = options;
    const { config, credentials, log } = options;
    this.#stores = new Stores({ config, credentials, log });
    this.#relay = relayOf(options);
    this.#outages = new Outages({
      dependencyOf,
      probe: (dependency) => this.#stores.probe(dependency),
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
    await this.#stores.redis.ttl.firstRead;
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
    this.#stores.close();
    this.#options.credentials.close();
  }

  #makeCatchUp({ config, settings, log }: MaintenanceOptions): CatchUp {
    return new CatchUp({
      config,
      requests: settings.requests,
      maxOrdersPerSecond: settings.maxOrdersPerSecond,
      connection: () => this.#stores.redis.connection,
      store: new CatchUpStore(config.redis.keyPrefix),
      comparedWith: () => ({
        cache: this.#stores.redis.cache,
        database: this.#stores.database,
        strategy: config.strategy,
        ttl: this.#stores.redis.ttl.current(),
      }),
      redisReady: () => this.#stores.redis.probe(),
      outages: this.#outages,
      compared: (compared) => this.metrics.compared(compared),
      log,
    });
  }

  #rotated(name: MaintenanceConnection): void {
    this.#options.log.info({ connection: name }, 'the credentials have changed');
    if (name === 'redis' || name === 'database') this.#stores.renew(name);
    else this.#relay?.renew();
  }

  #state(pausedBecause: readonly PauseReason[]): MaintenanceReport['state'] {
    if (this.#draining) return 'Draining';
    if (pausedBecause.length > 0) return 'Paused';
    return this.#catchUp.hasLooked ? 'Running' : 'Starting';
  }
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
