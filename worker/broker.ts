import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { Completions } from './completions.ts';
import { Confirmations } from './confirmations.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import { type RabbitMQCredentials, rabbitmqCredentials, type SecretFiles } from './credentials.ts';
import type { Delivery } from './delivery.ts';
import { Endings } from './endings.ts';
import type { Outgoing } from './outgoing.ts';
import { RabbitMQConnection } from './rabbitmq-connection.ts';
import { Subscription } from './subscription.ts';

export interface BrokerOptions {
  readonly config: WorkerConfig;
  readonly credentials: { files(name: 'rabbitmq'): SecretFiles };
  readonly deliver: (delivery: Delivery) => void;
  readonly completions: Completions;
  readonly log: Logger;
}

/** Everything of RabbitMQ. It publishes where it does not consume: an alarm blocks connections that publish. */
export class Broker {
  readonly endings: Endings;
  readonly #options: BrokerOptions;
  readonly #connections: readonly RabbitMQConnection[];
  readonly #subscriptions: readonly Subscription[];
  #credentials: RabbitMQCredentials;

  /** @throws InvalidCredentials */
  constructor(options: BrokerOptions) {
    const { config, credentials, deliver, completions, log } = options;
    const { rabbitmq, prefetchCount, confirmation } = config;
    this.#options = options;
    this.#credentials = rabbitmqCredentials(credentials.files('rabbitmq'));
    const connection = (use: string) =>
      new RabbitMQConnection(`order-cache-worker ${policyOf(config)} ${use}`, () => this.#credentials, log);
    const consuming = connection('consuming');
    const publishing = connection('publishing');
    /** What a reply address does to its connection must not reach the others. */
    const replying = confirmation?.replyTo ? connection('replying') : undefined;
    this.#connections = [consuming, publishing, ...(replying === undefined ? [] : [replying])];
    this.#subscriptions = rabbitmq.queues.map(
      (queue) => new Subscription(queue, prefetchCount, consuming, deliver, log),
    );
    this.endings = new Endings({
      deadLetterQueue: rabbitmq.deadLetterQueue,
      publisher: () => publisherOn(publishing, log),
      confirmations: confirmationsOf(options, publishing, replying ?? publishing),
      completions,
      log,
    });
  }

  start(): void {
    for (const connection of this.#connections) connection.start();
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
    const { credentials, log } = this.#options;
    try {
      this.#credentials = rabbitmqCredentials(credentials.files('rabbitmq'));
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown error';
      log.error({ reason }, 'the new credentials do not work: the old ones stay in use');
      return;
    }
    for (const connection of this.#connections) connection.renew();
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
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}

/** Undefined: the policy declares none. */
function confirmationsOf(
  { config, completions, log }: BrokerOptions,
  publishing: RabbitMQConnection,
  replying: RabbitMQConnection,
): Confirmations | undefined {
  const { confirmation, database } = config;
  if (confirmation === undefined) return undefined;
  return new Confirmations({
    settings: confirmation,
    confirming: { policy: policyOf(config), writesRows: database?.writer === 'Worker' },
    publish: { exchange: publisherOn(publishing, log), replies: publisherOn(replying, log) },
    completions,
    log,
  });
}

/** On a channel of its own. */
function publisherOn(connection: RabbitMQConnection, log: Logger) {
  const publisher = new ConfirmedPublisher(connection, log);
  return (message: Outgoing) => publisher.publish(message);
}

function policyOf({ policy }: WorkerConfig): string {
  return `${policy.namespace}/${policy.name}`;
}
