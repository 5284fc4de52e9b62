import type { Logger } from 'pino';
import { eventDecoder } from '../api/event-decode.ts';
import type { ConnectionName, WorkerConfig } from '../api/worker-config.ts';
import type { Outcome, PauseReason, WorkerReport } from '../api/worker-report.ts';
import { RedisFailure } from '../cache/failure.ts';
import { Broker } from './broker.ts';
import { Completions, type Finished, noOutcomes } from './completions.ts';
import { databaseCredentials, type RabbitMQCredentials, rabbitmqCredentials } from './credentials.ts';
import type { CredentialsDirectory } from './credentials-directory.ts';
import { type Handler, handle } from './handle.ts';
import { Inbox } from './inbox.ts';
import { WorkerMetrics } from './metrics.ts';
import { DatabaseUnavailable, OrdersTable } from './orders-table.ts';
import { Abandoned, type Dependency, Outages } from './outages.ts';
import { RedisAccess } from './redis.ts';
import { Renewable } from './renewable.ts';
import { Turns } from './turns.ts';
import { orderedEvents, writeOrder } from './write-order.ts';

/** More would not make it faster, and would keep Redis and the database busy with one worker for longer. */
const MAX_BATCH = 500;
/** While one waits for Redis or the database, the other is decoded or acknowledged. */
const BATCHES_UNDER_WAY = 2;
/** A second batch that is smaller costs more than it gains. */
const LEAST_BESIDE = 200;
/** Every await within a batch has a deadline of some seconds: a batch that takes longer is stuck. */
const STUCK = 120_000;
/** Of the grace period, for closing connections and ending the process, in milliseconds. */
const CLOSING = 2_000;

/** A cache-sync worker: its parts, its life, and what it says of itself. */
export class Worker {
  readonly metrics: WorkerMetrics;
  readonly #config: WorkerConfig;
  readonly #configHash: string;
  readonly #startedAt = new Date().toISOString();
  readonly #log: Logger;
  readonly #inbox = new Inbox({ most: MAX_BATCH, leastBeside: LEAST_BESIDE });
  readonly #completions: Completions;
  readonly #broker: Broker;
  readonly #redis: Renewable<RedisAccess>;
  readonly #database: Renewable<OrdersTable> | undefined;
  readonly #outages: Outages;
  readonly #outcomes = noOutcomes();
  #rabbitmq: RabbitMQCredentials;
  #batchesUnderWay = 0;
  /** When a batch last began, or was last acknowledged in part or as a whole. */
  #progressAt = 0;
  #draining = false;
  #ended: Promise<void> = Promise.resolve();

  /** @throws InvalidCredentials or RedisUriInvalid: nothing was started then */
  constructor(config: WorkerConfig, configHash: string, credentials: CredentialsDirectory, log: Logger) {
    this.#config = config;
    this.#configHash = configHash;
    this.#log = log;
    this.#rabbitmq = rabbitmqCredentials(credentials.files('rabbitmq'));
    const { database } = config;
    this.#database =
      database &&
      new Renewable({
        create: () =>
          new OrdersTable(
            databaseCredentials(credentials.files('database')),
            database,
            log,
            writeOrder(config),
          ),
        verify: (table) => table.probe(),
        dispose: (table) => void table.close(),
        log: log.child({ connection: 'database' }),
      });
    this.#redis = new Renewable({
      create: () => new RedisAccess(credentials.files('redis'), config, log),
      verify: (redis) => redis.probe(),
      dispose: (redis) => redis.close(),
      log: log.child({ connection: 'redis' }),
    });
    this.#completions = new Completions(log.isLevelEnabled('debug'), (finished) => this.#finished(finished));
    this.#broker = new Broker(
      config,
      () => this.#rabbitmq,
      (delivery) => this.#inbox.push(delivery),
      this.#completions,
      log,
    );
    this.#outages = new Outages({
      dependencyOf,
      probe: (dependency) => this.#probe(dependency),
      onPause: () => this.#broker.pause(),
      onResume: () => this.#draining || this.#broker.resume(),
      log,
    });
    this.metrics = new WorkerMetrics(() => this.report());
    credentials.watch((name) => this.#rotated(name, credentials));
  }

  /** Consumes until `drain`. */
  async start(): Promise<void> {
    await this.#redis.current.ttl.firstRead;
    this.#broker.start();
    this.#ended = this.#run();
    await this.#ended;
  }

  get ready(): boolean {
    return this.#broker.established;
  }

  get alive(): boolean {
    const stuck = this.#batchesUnderWay > 0 && Date.now() - this.#progressAt > STUCK;
    return !stuck || this.#outages.current !== undefined;
  }

  report(): WorkerReport {
    const pausedBecause = this.#pausedBecause();
    return {
      policyUid: this.#config.policy.uid,
      configHash: this.#configHash,
      startedAt: this.#startedAt,
      state: this.#state(pausedBecause),
      pausedBecause,
      inFlight: this.#broker.inFlight,
      prefetchCount: this.#config.prefetchCount,
      acknowledged: Object.values(this.#outcomes).reduce((sum, count) => sum + count, 0),
      outcomes: { ...this.#outcomes },
      ttlRevision: this.#redis.current.ttl.current()?.revision ?? null,
    };
  }

  /**
   * Takes nothing further, finishes what is held, and closes. What is not finished by the deadline goes back to its
   * queue. Never rejects.
   */
  async drain(): Promise<void> {
    const deadline =
      Date.now() + Math.max(1_000, this.#config.terminationGracePeriodSeconds * 1_000 - CLOSING);
    const abandoning = setTimeout(() => this.#outages.abandon(), deadline - Date.now());
    this.#draining = true;
    await this.#broker.cancel();
    this.#inbox.end();
    await this.#ended;
    clearTimeout(abandoning);
    await this.#broker.moved(deadline);
    this.#completions.flush();
    await this.#broker.close();
    this.#redis.close();
    this.#database?.close();
  }

  async #run(): Promise<void> {
    const handler = this.#handler();
    const lanes = Array.from({ length: BATCHES_UNDER_WAY }, () => this.#handleBatches(handler));
    await Promise.all(lanes);
  }

  /** One batch after another, until there are no more. */
  async #handleBatches(handler: Handler): Promise<void> {
    for (let batch = await this.#inbox.take(); batch; batch = await this.#inbox.take()) {
      const begun = Date.now();
      this.#progressAt = begun;
      this.#batchesUnderWay++;
      try {
        await handle(batch, handler);
      } catch (error) {
        if (error instanceof Abandoned) return;
        throw error;
      } finally {
        this.#batchesUnderWay--;
        this.#inbox.done();
      }
      let redelivered = 0;
      for (const delivery of batch) if (delivery.redelivered) redelivered++;
      this.metrics.batch(batch.length, redelivered, (Date.now() - begun) / 1_000);
    }
  }

  #handler(): Handler {
    return {
      config: this.#config,
      decode: orderedEvents(eventDecoder(this.#config.event), this.#config, Date.now),
      cache: () => this.#redis.current.cache,
      database: () => this.#database?.current,
      ttl: () => this.#redis.current.ttl.current(),
      outages: this.#outages,
      turns: new Turns(),
      perform: (delivery, verdict, event, row) => this.#broker.perform(delivery, verdict, event, row),
      failed: (orderId, error) => this.#log.error({ orderId, err: error }, 'processing failed'),
      acknowledge: () => {
        this.#progressAt = Date.now();
        this.#completions.flush();
      },
    };
  }

  async #probe(dependency: Dependency): Promise<void> {
    if (dependency === 'RedisUnavailable') return this.#redis.current.probe();
    await this.#database?.current.probe();
  }

  /** Runs before the acknowledgements are sent. */
  #finished(finished: Finished): void {
    for (const [outcome, count] of Object.entries(finished.counts))
      this.#outcomes[outcome as Outcome] += count;
    this.metrics.finished(finished, Date.now());
    if (finished.messageIds !== undefined) this.#log.debug({ outcomes: finished.messageIds }, 'batch');
  }

  #rotated(name: ConnectionName, credentials: CredentialsDirectory): void {
    this.#log.info({ connection: name }, 'the credentials have changed');
    if (name === 'redis') this.#redis.renew();
    else if (name === 'database') this.#database?.renew();
    else this.#renewBroker(credentials);
  }

  #renewBroker(credentials: CredentialsDirectory): void {
    try {
      this.#rabbitmq = rabbitmqCredentials(credentials.files('rabbitmq'));
      this.#broker.renew();
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      this.#log.error({ reason }, 'the new credentials do not work: the old ones stay in use');
    }
  }

  #pausedBecause(): readonly PauseReason[] {
    const { current } = this.#outages;
    if (this.#draining || !this.#broker.established) return [];
    return current === undefined ? this.#broker.pausedBecause : [current, ...this.#broker.pausedBecause];
  }

  #state(pausedBecause: readonly PauseReason[]): WorkerReport['state'] {
    if (this.#draining) return 'Draining';
    if (!this.#broker.established) return 'Starting';
    return pausedBecause.length > 0 ? 'Paused' : 'Consuming';
  }
}

function dependencyOf(error: unknown): Dependency | undefined {
  if (error instanceof RedisFailure) return 'RedisUnavailable';
  return error instanceof DatabaseUnavailable ? 'DatabaseUnavailable' : undefined;
}
