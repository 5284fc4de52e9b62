import { type Confirmation, DIRECT_REPLY_TO, parseConfirmation } from '../api/confirmation.ts';
import type { Link } from './broker-link.ts';

/**
 * Workers' confirmations, by RabbitMQ's direct reply-to: no queue is declared and no right is needed. They come on the
 * channel that published the event and end with it.
 */
export class Replies {
  readonly #receive: (correlationId: string, confirmation: Confirmation) => void;
  readonly #channels = new WeakMap<Link, 'Opening' | 'Open'>();

  constructor(receive: (correlationId: string, confirmation: Confirmation) => void) {
    this.#receive = receive;
  }

  /** Whether they can come on this channel. If not yet, they are asked for, and `ready` is called when they can. */
  open(link: Link, ready: () => void): boolean {
    const state = this.#channels.get(link);
    if (state === undefined) void this.#consume(link, ready);
    return state === 'Open';
  }

  async #consume(link: Link, ready: () => void): Promise<void> {
    this.#channels.set(link, 'Opening');
    try {
      await link.channel.consume(
        DIRECT_REPLY_TO,
        (message) => {
          const correlationId: unknown = message?.properties.correlationId;
          const confirmation = message === null ? undefined : parseConfirmation(message.content);
          if (typeof correlationId === 'string' && confirmation !== undefined)
            this.#receive(correlationId, confirmation);
        },
        { noAck: true },
      );
    } catch {
      // The channel closes, and there will be another one.
      return;
    }
    this.#channels.set(link, 'Open');
    ready();
  }
}
