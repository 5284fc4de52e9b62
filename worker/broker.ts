import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { OrderEvent } from '../api/event.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { Completions } from './completions.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import type { RabbitMQCredentials } from './credentials.ts';
import type { Verdict } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { LogLimit } from './log-limit.ts';
import { deadLetterMessage, retryMessage } from './outgoing.ts';
import { RabbitMQConnection } from './rabbitmq-connection.ts';
import { Rerouting } from './rerouting.ts';
import { Subscription } from './subscription.ts';
import { traceparentOf } from './traceparent.ts';

/** Everything of RabbitMQ. It publishes where it does not consume: an alarm blocks connections that publish. */
export class Broker {
  readonly #deadLetterQueue: string;
  readonly #consuming: RabbitMQConnection;
  readonly #publishing: RabbitMQConnection;
  readonly #subscriptions: readonly Subscription[];
  /** Apart, each with its own channel: a missing ladder closes the channel, and dead letters go on. */
  readonly #retries: Rerouting;
  readonly #deadLetters: Rerouting;
  readonly #completions: Completions;
  readonly #log: Logger;
  readonly #limit = new LogLimit();

  constructor(
    config: WorkerConfig,
    credentials: () => RabbitMQCredentials,
    deliver: (delivery: Delivery) => void,
    completions: Completions,
    log: Logger,
  ) {
    const { queues, deadLetterQueue } = config.rabbitmq;
    const policy = `${config.policy.namespace}/${config.policy.name}`;
    this.#deadLetterQueue = deadLetterQueue;
    this.#completions = completions;
    this.#log = log;
    this.#consuming = new RabbitMQConnection(`order-cache-worker ${policy} consuming`, credentials, log);
    this.#publishing = new RabbitMQConnection(`order-cache-worker ${policy} publishing`, credentials, log);
    this.#subscriptions = queues.map(
      (queue) => new Subscription(queue, config.prefetchCount, this.#consuming, deliver, log),
    );
    this.#retries = this.#rerouting('retried');
    this.#deadLetters = this.#rerouting('dead-lettered');
  }

  start(): void {
    this.#consuming.start();
    this.#publishing.start();
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
  }

  /** Whether the current queue has ever been consumed; older revisions may be gone already. */
  get established(): boolean {
    return this.#subscriptions[0]?.established === true;
  }

  get inFlight(): number {
    return this.#subscriptions.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  get pausedBecause(): readonly PauseReason[] {
    const reasons: PauseReason[] = [];
    if (this.#subscriptions[0]?.attached !== true) reasons.push('RabbitMQUnavailable');
    if (this.#retries.refusing || this.#deadLetters.refusing) reasons.push('DeadLetterUnavailable');
    return reasons;
  }

  /** Ends the delivery as the verdict says. It is acknowledged when that has happened. No event: it is malformed. */
  perform(delivery: Delivery, verdict: Verdict, event?: OrderEvent): void {
    if (verdict.kind === 'Finished') {
      this.#completions.finish(delivery, verdict.outcome, event?.timestampMs);
      if (verdict.outcome === 'unseen') this.#logEvent(delivery, event, 'unseen', 'RowBehind');
    } else if (verdict.kind === 'Retry') {
      this.#retries.send(delivery, retryMessage(delivery, verdict));
      this.#logEvent(delivery, event, 'retried', verdict.reason, `attempt ${verdict.attempts}`);
    } else {
      const message = deadLetterMessage(delivery, verdict, this.#deadLetterQueue, new Date());
      this.#deadLetters.send(delivery, message);
      this.#logEvent(delivery, event, 'dead-lettered', verdict.reason, verdict.detail);
    }
  }

  /** Resolves when the broker has confirmed that nothing further is delivered. */
  async cancel(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.cancel()));
  }

  /** Resolves when every message on its way to another queue is there, or when it cannot be got there for now. */
  async moved(deadline: number): Promise<void> {
    const moving = (rerouting: Rerouting) => rerouting.pending > 0 && !rerouting.refusing;
    while (Date.now() < deadline && (moving(this.#retries) || moving(this.#deadLetters))) await sleep(10);
  }

  /** What is not acknowledged goes back to its queue. */
  async close(): Promise<void> {
    this.#retries.close();
    this.#deadLetters.close();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
    await Promise.all([this.#consuming.close(), this.#publishing.close()]);
  }

  #rerouting(outcome: 'retried' | 'dead-lettered'): Rerouting {
    const publisher = new ConfirmedPublisher(this.#publishing, this.#log);
    return new Rerouting(outcome, (message) => publisher.publish(message), this.#completions, this.#log);
  }

  /** Never the payload; message id and trace are the initiator's names for the event. */
  #logEvent(
    delivery: Delivery,
    event: OrderEvent | undefined,
    outcome: string,
    reason: string,
    detail?: string,
  ): void {
    const suppressed = this.#limit.admit(`${outcome} ${reason}`, Date.now());
    if (suppressed === undefined) return;
    const messageId = String(delivery.properties.messageId ?? '').slice(0, 128);
    const traceparent = traceparentOf(delivery, event);
    const { queue } = delivery.source;
    this.#log.warn({ outcome, reason, detail, messageId, traceparent, queue, suppressed }, 'event');
  }
}
