import type { Channel, ConsumeMessage } from 'amqplib';
import { type Acknowledgement, Acknowledgements } from './acknowledgements.ts';
import { within } from './deadline.ts';
import type { Delivery, Source } from './delivery.ts';
import { closeQuietly } from './rabbitmq-connection.ts';
import { Signal } from './signal.ts';

/** For the broker's answer to a request on a channel. */
export const ANSWER_DEADLINE = 10_000;

/** A channel with at most one consumer, from its opening until it closes for whatever reason. */
export class ConsumingChannel implements Source {
  readonly queue: string;
  readonly acknowledgements = new Acknowledgements();
  readonly #channel: Channel;
  readonly #deliver: (delivery: Delivery) => void;
  #open = true;
  #consumerTag: string | undefined;
  #consuming = false;
  readonly #change = new Signal();

  constructor(
    queue: string,
    channel: Channel,
    deliver: (delivery: Delivery) => void,
    onError: (error: Error) => void,
  ) {
    this.queue = queue;
    this.#channel = channel;
    this.#deliver = deliver;
    channel.on('error', onError);
    channel.on('close', () => this.#closed());
  }

  get open(): boolean {
    return this.#open;
  }

  get consuming(): boolean {
    return this.#consuming;
  }

  /**
   * A channel may be closing before its event says so; it refuses then. The message was not acknowledged, and comes
   * again.
   */
  acknowledge({ tag, multiple }: Acknowledgement): void {
    if (!this.#open) return;
    try {
      // amqplib reads nothing else of the message.
      this.#channel.ack({ fields: { deliveryTag: tag } } as ConsumeMessage, multiple);
      this.#change.notify();
    } catch {
      this.#closed();
    }
  }

  wake(): void {
    this.#change.notify();
  }

  async setConsuming(wanted: boolean): Promise<void> {
    if (wanted === this.#consuming) return;
    if (wanted) {
      const consume = this.#channel.consume(this.queue, (message) => this.#receive(message));
      this.#consumerTag = (await within(ANSWER_DEADLINE, 'basic.consume', consume)).consumerTag;
    } else {
      await within(ANSWER_DEADLINE, 'basic.cancel', this.#channel.cancel(this.#consumerTag ?? ''));
    }
    this.#consuming = wanted;
    this.#change.notify();
  }

  /** Resolves when the channel has closed, or should consume and does not, or the other way round. */
  async changed(wanted: () => boolean): Promise<void> {
    while (this.#open && wanted() === this.#consuming) await this.#change.next();
  }

  async cancelled(): Promise<void> {
    while (this.#open && this.#consuming) await this.#change.next();
  }

  /** The broker reads a channel's frames in order, so it has seen every acknowledgement before. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#closed();
    await closeQuietly(this.#channel);
  }

  #receive(message: ConsumeMessage | null): void {
    if (message === null) {
      void this.close();
      return;
    }
    const { deliveryTag: tag, redelivered } = message.fields;
    this.acknowledgements.delivered(tag);
    this.#deliver({ source: this, tag, redelivered, body: message.content, properties: message.properties });
  }

  #closed(): void {
    this.#open = false;
    this.#change.notify();
  }
}
