import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { OrderEvent } from '../api/event.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { PauseReason } from '../api/worker-report.ts';
import type { Row } from '../cache/record.ts';
import type { Completions } from './completions.ts';
import { Confirmations } from './confirmations.ts';
import { ConfirmedPublisher } from './confirmed-publisher.ts';
import type { RabbitMQCredentials } from './credentials.ts';
import type { Retry, Verdict } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { Dispatch } from './dispatch.ts';
import { LogLimit } from './log-limit.ts';
import { deadLetterMessage, type Outgoing, retryMessage } from './outgoing.ts';
import { RabbitMQConnection } from './rabbitmq-connection.ts';
import { Subscription } from './subscription.ts';
import { traceparentOf } from './traceparent.ts';

/** Retries and dead letters, each, in messages. */
const MAX_REROUTED = 100;

/** Everything of RabbitMQ. It publishes where it does not consume: an alarm blocks connections that publish. */
export class Broker {
  readonly #deadLetterQueue: string;
  readonly #consuming: RabbitMQConnection;
  readonly #publishing: RabbitMQConnection;
  /** For confirmations to reply addresses: what an address does to its connection must not reach the others. */
  readonly #replying: RabbitMQConnection | undefined;
  readonly #subscriptions: readonly Subscription[];
  /** Apart, each with its own channel: a missing ladder closes the channel, and dead letters go on. */
  readonly #retries: Dispatch;
  readonly #deadLetters: Dispatch;
  /** Undefined: the policy declares none. */
  readonly #confirmations: Confirmations | undefined;
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
    const connection = (use: string) =>
      new RabbitMQConnection(`order-cache-worker ${policy} ${use}`, credentials, log);
    this.#consuming = connection('consuming');
    this.#publishing = connection('publishing');
    this.#replying = config.confirmation?.replyTo ? connection('replying') : undefined;
    this.#subscriptions = queues.map(
      (queue) => new Subscription(queue, config.prefetchCount, this.#consuming, deliver, log),
    );
    this.#retries = this.#rerouting('retried');
    this.#deadLetters = this.#rerouting('dead-lettered');
    this.#confirmations = this.#confirming(config, policy);
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
    const reasons: PauseReason[] = [];
    if (this.#subscriptions[0]?.attached !== true) reasons.push('RabbitMQUnavailable');
    if (this.#retries.refusing || this.#deadLetters.refusing) reasons.push('DeadLetterUnavailable');
    if (this.#confirmations?.refusing) reasons.push('ConfirmationUnavailable');
    return reasons;
  }

  /**
   * Ends the delivery as the verdict says. It is acknowledged when that has happened and been told. No event: it is
   * malformed.
   */
  perform(delivery: Delivery, verdict: Verdict, event?: OrderEvent, row: Row | null = null): void {
    if (verdict.kind === 'Finished') {
      this.#end(delivery, verdict, event, row);
      if (verdict.outcome === 'unseen') this.#logEvent(delivery, event, 'unseen', 'RowBehind');
    } else if (verdict.kind === 'Retry') {
      this.#retries.send(delivery, retryMessage(delivery, verdict), () =>
        this.#completions.finish(delivery, 'retried'),
      );
      this.#logEvent(delivery, event, 'retried', verdict.reason, `attempt ${verdict.attempts}`);
    } else {
      const message = deadLetterMessage(delivery, verdict, this.#deadLetterQueue, new Date());
      this.#deadLetters.send(delivery, message, () => this.#end(delivery, verdict, event, row));
      this.#logEvent(delivery, event, 'dead-lettered', verdict.reason, verdict.detail);
    }
  }

  /** Resolves when the broker has confirmed that nothing further is delivered. */
  async cancel(): Promise<void> {
    await Promise.all(this.#subscriptions.map((subscription) => subscription.cancel()));
  }

  /** Resolves when every message on its way to the broker is there, or when it cannot be got there for now. */
  async moved(deadline: number): Promise<void> {
    const rerouting = ({ pending, refusing }: Dispatch) => pending > 0 && !refusing;
    const moving = () =>
      rerouting(this.#retries) || rerouting(this.#deadLetters) || this.#confirmations?.moving === true;
    while (Date.now() < deadline && moving()) await sleep(10);
  }

  /** What is not acknowledged goes back to its queue. */
  async close(): Promise<void> {
    this.#retries.close();
    this.#deadLetters.close();
    this.#confirmations?.close();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
    await Promise.all([this.#consuming.close(), this.#publishing.close(), this.#replying?.close()]);
  }

  /** The effect has happened: it is told, if somebody wants to know, and then the delivery is acknowledged. */
  #end(
    delivery: Delivery,
    verdict: Exclude<Verdict, Retry>,
    event: OrderEvent | undefined,
    row: Row | null,
  ): void {
    const outcome = verdict.kind === 'DeadLetter' ? 'dead-lettered' : verdict.outcome;
    const timestamp = verdict.kind === 'DeadLetter' ? undefined : event?.timestampMs;
    if (this.#confirmations === undefined) this.#completions.finish(delivery, outcome, timestamp);
    else
      this.#confirmations.tell(delivery, verdict, event, row, () =>
        this.#completions.finish(delivery, outcome, timestamp),
      );
  }

  #rerouting(name: 'retried' | 'dead-lettered'): Dispatch {
    const options = { completions: this.#completions, log: this.#log, maxInFlight: MAX_REROUTED };
    return new Dispatch({ name, publish: this.#publisher(this.#publishing), ...options });
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
