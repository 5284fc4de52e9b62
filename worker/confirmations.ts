import type { Logger } from 'pino';
import type { OrderEvent } from '../api/event.ts';
import type { ConfirmationSettings } from '../api/worker-config.ts';
import type { Row } from '../cache/record.ts';
import type { Completions } from './completions.ts';
import { type Confirming, confirmationMessage, confirmationOf } from './confirmation.ts';
import type { PublishResult, Refusal } from './confirmed-publisher.ts';
import type { Retry, Verdict } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { Dispatch } from './dispatch.ts';
import { GoneNodes } from './gone-nodes.ts';
import { LogLimit } from './log-limit.ts';
import type { Outgoing } from './outgoing.ts';
import { replyAddress } from './reply-address.ts';

/** In messages; what is delivered and not acknowledged bounds it too. */
const MAX_IN_FLIGHT = 2_000;

type Publish = (message: Outgoing) => Promise<PublishResult>;

export interface ConfirmationOptions {
  readonly settings: ConfirmationSettings;
  readonly confirming: Confirming;
  /** Apart, each on a connection of its own: what a reply address does to the broker must not reach the others. */
  readonly publish: { readonly exchange: Publish; readonly replies: Publish };
  readonly completions: Completions;
  readonly log: Logger;
}

/** Tells what happened to an event: the exchange that is declared, and whoever the message names. */
export class Confirmations {
  readonly #options: ConfirmationOptions;
  readonly #exchange: Dispatch;
  readonly #replies: Dispatch;
  readonly #gone = new GoneNodes();
  readonly #limit = new LogLimit();

  constructor(options: ConfirmationOptions) {
    this.#options = options;
    this.#exchange = this.#dispatch('confirmed', options.publish.exchange);
    this.#replies = this.#dispatch('confirmed by reply', options.publish.replies, (reason, { routingKey }) =>
      this.#givesUp(reason, routingKey),
    );
  }

  /** What cannot be sent is kept. */
  get refusing(): boolean {
    return this.#exchange.refusing || this.#replies.refusing;
  }

  /** Something is on its way and will get there. */
  get moving(): boolean {
    return [this.#exchange, this.#replies].some(({ pending, refusing }) => pending > 0 && !refusing);
  }

  /** Calls `done` when the broker has every confirmation of the delivery; at once when nobody is told. */
  tell(
    delivery: Delivery,
    verdict: Exclude<Verdict, Retry>,
    event: OrderEvent | undefined,
    row: Row | null,
    done: () => void,
  ): void {
    const { exchange, routingKey } = this.#options.settings;
    const queue = this.#replyQueue(delivery);
    if (exchange === undefined && queue === undefined) {
      done();
      return;
    }
    const confirmation = confirmationOf(this.#options.confirming, delivery, verdict, event, row);
    const message = (target: Pick<Outgoing, 'exchange' | 'routingKey'>) =>
      confirmationMessage(confirmation, delivery, event, target);
    const reply = () => {
      if (queue === undefined) done();
      else this.#replies.send(delivery, message({ exchange: '', routingKey: queue }), done);
    };
    if (exchange === undefined) reply();
    else this.#exchange.send(delivery, message({ exchange, routingKey }), reply);
  }

  close(): void {
    this.#exchange.close();
    this.#replies.close();
  }

  #dispatch(name: string, publish: Publish, givesUp?: (reason: Refusal, message: Outgoing) => boolean) {
    const { completions, log } = this.#options;
    return new Dispatch({
      name,
      publish,
      completions,
      log,
      maxInFlight: MAX_IN_FLIGHT,
      ...(givesUp && { givesUp }),
    });
  }

  /**
   * A reply belongs to the initiator: a queue that is full loses it. An address with which the broker cannot cope
   * (INTERNAL_ERROR: direct reply-to at a node that the cluster no longer has) would close the connection each time.
   */
  #givesUp(reason: Refusal, queue: string): boolean {
    if (reason === 'BrokerFailed') this.#gone.add(queue, Date.now());
    return reason === 'BrokerFailed' || reason === 'Rejected';
  }

  #replyQueue(delivery: Delivery): string | undefined {
    if (!this.#options.settings.replyTo) return undefined;
    const address = replyAddress(delivery.properties.replyTo);
    if (address.kind === 'Refused') this.#logRefused(delivery);
    if (address.kind !== 'Allowed' || this.#gone.has(address.queue, Date.now())) return undefined;
    return address.queue;
  }

  #logRefused(delivery: Delivery): void {
    const suppressed = this.#limit.admit('reply-to', Date.now());
    if (suppressed === undefined) return;
    const messageId = String(delivery.properties.messageId ?? '').slice(0, 128);
    const { queue } = delivery.source;
    this.#options.log.warn(
      { reason: 'ReplyToRefused', messageId, queue, suppressed },
      'the message names a queue to reply to that is none for confirmations',
    );
  }
}
