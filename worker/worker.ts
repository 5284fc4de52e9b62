import type { Logger } from 'pino';
import { eventDecoder } from '../api/event-decode.ts';
import type { ConnectionName, WorkerConfig } from '../api/worker-config.ts';
import type { Outcome, WorkerReport } from '../api/worker-report.ts';
import { Batches } from './batches.ts';
import { Broker } from './broker.ts';
import { Completions, type Finished, noOutcomes } from './completions.ts';
import type { CredentialsDirectory } from './credentials-directory.ts';
import type { Delivery } from './delivery.ts';
import { type Handler, handle } from './handle.ts';
import { LogLimit } from './log-limit.ts';
import { WorkerMetrics } from './metrics.ts';
import { Outages } from './outages.ts';
import { stateOf } from './state.ts';
import { dependencyOf, Stores } from './stores.ts';
import { Turns } from './turns.ts';
import { orderedEvents, writeOrder } from './write-order.ts';

/** Of the grace period, for closing connections and ending the process, in milliseconds. */
const CLOSING = 2_000;

/** A cache-sync worker: its parts, its life, and what it says of itself. */
export class Worker {
  readonly metrics: WorkerMetrics;
  readonly #config: WorkerConfig;
  readonly #configHash: string;
  readonly #startedAt = new Date().toISOString();
  readonly #log: Logger;
  readonly #limit = new LogLimit();
  readonly #batches: Batches;
  readonly #completions: Completions;
  readonly #broker: Broker;
  readonly #stores: Stores;
  readonly #outages: Outages;
  readonly #outcomes = noOutcomes();
  #draining = false;
  #ended: Promise<void> = Promise.resolve();

  /** @throws InvalidCredentials or RedisUriInvalid: nothing was started then */
  constructor(config: WorkerConfig, configHash: string, credentials: CredentialsDirectory, log: Logger) {
    this.#config = config;
    this.#configHash = configHash;
    this.#log = log;
    this.#completions = new Completions(log.isLevelEnabled('debug'), (finished) => this.#finished(finished));
    this.#broker = new Broker({
      config,
      credentials,
      deliver: (delivery) => this.#batches.push(delivery),
      completions: this.#completions,
      log,
    });
    this.#stores = new Stores({ config, credentials, log, order: writeOrder(config) });
    this.#outages = new Outages({
      dependencyOf,
      probe: (dependency) => this.#stores.probe(dependency),
      onPause: () => this.#broker.pause(),
      onResume: () => this.#draining || this.#broker.resume(),
      log,
    });
    const handler = this.#handler();
    this.#batches = new Batches({
      handle: (batch) => handle(batch, handler),
      handled: (batch, seconds) => this.#handled(batch, seconds),
    });
    this.metrics = new WorkerMetrics(() => this.report());
    credentials.watch((name) => this.#rotated(name));
  }

  /** Consumes until `drain`. */
  async start(): Promise<void> {
    await this.#stores.redis.ttl.firstRead;
    this.#broker.start();
    this.#ended = this.#batches.run();
    await this.#ended;
  }

  get ready(): boolean {
    return this.#broker.established;
  }

  get alive(): boolean {
    return !this.#batches.stuck || this.#outages.current !== undefined;
  }

  report(): WorkerReport {
    return {
      policyUid: this.#config.policy.uid,
      configHash: this.#configHash,
      startedAt: this.#startedAt,
      ...stateOf({
        draining: this.#draining,
        established: this.#broker.established,
        outage: this.#outages.current,
        broker: this.#broker.pausedBecause,
      }),
      inFlight: this.#broker.inFlight,
      prefetchCount: this.#config.prefetchCount,
      acknowledged: Object.values(this.#outcomes).reduce((sum, count) => sum + count, 0),
      outcomes: { ...this.#outcomes },
      ttlRevision: this.#stores.redis.ttl.current()?.revision ?? null,
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
    this.#batches.end();
    await this.#ended;
    clearTimeout(abandoning);
    await this.#broker.moved(deadline);
    this.#completions.flush();
    await this.#broker.close();
    this.#stores.close();
  }

  #handler(): Handler {
    return {
      config: this.#config,
      decode: orderedEvents(eventDecoder(this.#config.event), this.#config, Date.now),
      cache: () => this.#stores.redis.cache,
      database: () => this.#stores.database,
      ttl: () => this.#stores.redis.ttl.current(),
      outages: this.#outages,
      turns: new Turns(),
      perform: (delivery, verdict, event, row) => this.#broker.endings.perform(delivery, verdict, event, row),
      failed: (orderId, error) => this.#failed(orderId, error),
      acknowledge: () => {
        this.#batches.progressed();
        this.#completions.flush();
      },
    };
  }

  #handled(batch: readonly Delivery[], seconds: number): void {
    let redelivered = 0;
    for (const delivery of batch) if (delivery.redelivered) redelivered++;
    this.metrics.batch(batch.length, redelivered, seconds);
    if (redelivered > 0) this.#log.debug({ redelivered }, 'redelivered');
  }

  /** What is wrong may be wrong with every event, such as a status that the database does not take. */
  #failed(orderId: string, error: unknown): void {
    const suppressed = this.#limit.admit(error instanceof Error ? error.name : typeof error, Date.now());
    if (suppressed !== undefined) this.#log.error({ orderId, err: error, suppressed }, 'processing failed');
  }

  /** Runs before the acknowledgements are sent. */
  #finished(finished: Finished): void {
    for (const [outcome, count] of Object.entries(finished.counts))
      this.#outcomes[outcome as Outcome] += count;
    this.metrics.finished(finished, Date.now());
    if (finished.messageIds !== undefined) this.#log.debug({ outcomes: finished.messageIds }, 'batch');
  }

  #rotated(name: ConnectionName): void {
    this.#log.info({ connection: name }, 'the credentials have changed');
    if (name === 'rabbitmq') this.#broker.renew();
    else this.#stores.renew(name);
  }
}
