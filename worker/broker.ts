import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { Completions } from './completions.ts';
import { Confirmations } from './confirmations.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import type { RabbitMQCredentials } from './credentials.ts';
import type { Delivery } from './delivery.ts';
import { Endings } from './endings.ts';
import type { Outgoing } from './outgoing.ts';
import { RabbitMQConnection } from './rabbitmq-connection.ts';
import { Subscription } from './subscription.ts';

/** Everything of RabbitMQ. It publishes where it does not consume: an alarm blocks connections that publish. */
export class Broker {
  readonly #consuming: RabbitMQConnection;
  readonly #publishing: RabbitMQConnection;
  /** For confirmations to reply addresses: what an address does to its connection must not reach the others. */
  readonly #replying: RabbitMQConnection | undefined;
  readonly #subscriptions: readonly Subscription[];
  readonly #completions: Completions;
  readonly #log: Logger;
  readonly endings: Endings;

  constructor(
    config: WorkerConfig,
    credentials: () => RabbitMQCredentials,
    deliver: (delivery: Delivery) => void,
    completions: Completions,
    log: Logger,
  ) {
    const { queues, deadLetterQueue } = config.rabbitmq;
    const policy = `${config.policy.namespace}/${config.policy.name}`;
    this.#completions = completions;
    this.#log = log;
    const connection = (use: string) =>
      new RabbitMQConnection(`order-cache-worker ${policy} ${use}`, credentials, log);
    this.#consuming = connection('consuming');
    this.#publishing = connection('publishing');
    this.#replying = config.confirmation?.replyTo ? connection('replying') : undefined;
    this.#subscriptions = queues.map(
      (queue) => new Subscription(queue, config.prefetchCount, this.#consuming, deliver, log),
    );
    this.endings = new Endings({
      deadLetterQueue,
      publisher: () => this.#publisher(this.#publishing),
      confirmations: this.#confirming(config, policy),
      completions,
      log,
    });
  }

  start(): void {
    this.#consuming.start();
    this.#publishing.start();
    this.#replying?.start();
    for (const subscription of this.#subscriptions) subscription.start();
  }

  pause(): void {
    for (const subscription of this.#subscriptions) subscription.pause();
  }

  resume(): void {
    for (const subscription of this.#subscriptions) subscription.resume();
  }

  /** The credentials have changed. */
  renew(): void {
    this.#consuming.renew();
    this.#publishing.renew();
    this.#replying?.renew();
  }

  /** Whether the current queue has ever been consumed; older revisions may be gone already. */
  get established(): boolean {
    return this.#subscriptions[0]?.established === true;
  }

  get inFlight(): number {
    return this.#subscriptions.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  get pausedBecause(): readonly PauseReason[] {
    const { refused } = this.endings;
    return this.#subscriptions[0]?.attached === true ? refused : ['RabbitMQUnavailable', ...refused];
  }

  /** Resolves when the broker has confirmed that nothing further is delivered. */
  async cancel(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.cancel()));
  }

  /** Resolves when every message on its way to the broker is there, or when it cannot be got there for now. */
  async moved(deadline: number): Promise<void> {
    while (Date.now() < deadline && this.endings.moving) await sleep(10);
  }

  /** What is not acknowledged goes back to its queue. */
  async close(): Promise<void> {
    this.endings.close();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
    await Promise.all([this.#consuming.close(), this.#publishing.close(), this.#replying?.close()]);
  }

  #confirming({ confirmation, database }: WorkerConfig, policy: string): Confirmations | undefined {
    if (confirmation === undefined) return undefined;
    const publish = {
      exchange: this.#publisher(this.#publishing),
      replies: this.#publisher(this.#replying ?? this.#publishing),
    };
    return new Confirmations({
      settings: confirmation,
      confirming: { policy, writesRows: database?.writer === 'Worker' },
      publish,
      completions: this.#completions,
      log: this.#log,
    });
  }

  /** On a channel of its own. */
  #publisher(connection: RabbitMQConnection) {
    const publisher = new ConfirmedPublisher(connection, this.#log);
    return (message: Outgoing) => publisher.publish(message);
  }
}
