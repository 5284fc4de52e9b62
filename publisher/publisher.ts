import { randomUUID } from 'node:crypto';
import { type VisibleChange, visibleChange } from './answers.ts';
import {
  invalid,
  type Message,
  type MessageBuilder,
  messageBuilder,
  type OrderChange,
  type PublishOptions,
  type WaitOptions,
} from './message.ts';
import { type PublisherOptions, type PublisherSettings, publisherSettings, wholeNumber } from './options.ts';
import { PublishError } from './publish-error.ts';
import { Sender } from './sender.ts';

export interface Receipt {
  readonly messageId: string;
}

/** Publishes order status events, each confirmed by the broker. */
export interface Publisher {
  /**
   * Resolves when the broker has the event on disk in its queues. An event without an answer is sent again on the
   * next connection, with the same message id, until the deadline: it may arrive twice, which is harmless.
   *
   * Publish after the transaction has committed, unless the event carries the row's version.
   *
   * @throws PublishError whose `reason` says what to do next
   */
  publish(change: OrderChange, options?: PublishOptions): Promise<Receipt>;
  /**
   * As `publish`, and resolves when the change is visible: whoever asks the cache from then on gets the row as it was
   * after the change or later, or a miss and reads it. Needs a policy with `spec.confirmation`. Events that wait for
   * a worker do not count towards `maxInFlight`.
   *
   * @throws PublishError; NotConfirmed when no worker has said so by the deadline
   */
  publishAndWait(change: OrderChange, options?: WaitOptions): Promise<VisibleChange>;
  /** Waits for what is in flight (each event has its deadline), then closes the connection. */
  close(): Promise<void>;
}

/**
 * Returns at once and connects in the background.
 * @throws TypeError that names an option, what was expected and what came
 */
export function createPublisher(options: PublisherOptions): Publisher {
  return new ConfirmedPublisher(publisherSettings(options));
}

class ConfirmedPublisher implements Publisher {
  readonly #settings: PublisherSettings;
  readonly #build: MessageBuilder;
  readonly #sender: Sender;
  #closed: Promise<void> | undefined;

  constructor(settings: PublisherSettings) {
    this.#settings = settings;
    this.#build = messageBuilder(settings);
    this.#sender = new Sender(settings);
  }

  async publish(change: OrderChange, options: PublishOptions = {}): Promise<Receipt> {
    const message = this.#build(change, options);
    await this.#send(message, this.#settings.timeoutMilliseconds);
    return { messageId: message.messageId };
  }

  async publishAndWait(change: OrderChange, options: WaitOptions = {}): Promise<VisibleChange> {
    const message = this.#build(change, options);
    const { messageId } = message;
    const timeout = waitTimeout(options.timeoutMilliseconds ?? this.#settings.timeoutMilliseconds, messageId);
    return visibleChange(messageId, await this.#send(message, timeout, randomUUID()));
  }

  close(): Promise<void> {
    this.#closed ??= this.#sender.close();
    return this.#closed;
  }

  #send(message: Message, timeoutMilliseconds: number, correlationId?: string) {
    const { messageId } = message;
    if (this.#closed !== undefined)
      throw new PublishError('Closed', 'the publisher is closed', { messageId });
    return this.#sender.send(message, timeoutMilliseconds, correlationId);
  }
}

function waitTimeout(milliseconds: number, messageId: string): number {
  try {
    return wholeNumber('timeoutMilliseconds', milliseconds, 3_600_000);
  } catch {
    throw invalid('timeoutMilliseconds', 'expected a whole number from 1 to 3600000', messageId);
  }
}
