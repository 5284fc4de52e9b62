import type { Message as ReturnedMessage } from 'amqplib';
import { BrokerLink, type Link } from './broker-link.ts';
import type { RelayFailure, RelaySettings } from './relay-options.ts';
import { faultOf, type OutboxRow } from './relay-rows.ts';

export type Outcome =
  | { readonly kind: 'Confirmed' }
  | {
      readonly kind: 'Failed';
      readonly reason: RelayFailure['reason'];
      readonly detail: string;
      /** The exchange is missing or forbidden: none of its events can be sent, and trying ends the connection. */
      readonly wholeExchange: boolean;
    }
  /** The connection went, or there was none: nothing is known, and the event is not at fault. */
  | { readonly kind: 'Lost' };

interface InFlight {
  readonly row: OutboxRow;
  readonly answer: (outcome: Outcome) => void;
  returned: boolean;
}

/** Sends events of the outbox and says what became of each. */
export class RelayBroker {
  readonly #timeout: number;
  readonly #wake: () => void;
  readonly #broker: BrokerLink;
  readonly #inFlight = new Set<InFlight>();
  #link: Link | undefined;
  #blocked = false;
  #suspicion = false;

  /** @param wake called when events can be sent again */
  constructor({ server, timeoutMilliseconds, onTrouble }: RelaySettings, wake: () => void) {
    this.#timeout = timeoutMilliseconds;
    this.#wake = wake;
    this.#broker = new BrokerLink(server, {
      up: (link) => this.#up(link),
      down: (link, refusal) => this.#down(link, refusal, onTrouble),
      trouble: onTrouble,
      blocked: (isBlocked) => this.#block(isBlocked),
    });
  }

  get up(): boolean {
    return this.#link !== undefined;
  }

  get ready(): boolean {
    return this.#link !== undefined && !this.#blocked;
  }

  /** The broker refused something that was not sent alone: sent one by one, the culprit is found. */
  get suspicion(): boolean {
    return this.#suspicion;
  }

  allClear(): void {
    this.#suspicion = false;
  }

  /** Never rejects, and answers within the timeout. */
  publish(row: OutboxRow): Promise<Outcome> {
    const link = this.#link;
    const fault = faultOf(row);
    if (fault !== undefined) return Promise.resolve(failed('Refused', fault));
    if (link === undefined) return Promise.resolve({ kind: 'Lost' });
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        answer(failed('TimedOut', `the broker has not confirmed it within ${this.#timeout} ms`));
      }, this.#timeout);
      const answer = (outcome: Outcome) => {
        clearTimeout(deadline);
        this.#inFlight.delete(sent);
        resolve(outcome);
      };
      const sent: InFlight = { row, answer, returned: false };
      this.#inFlight.add(sent);
      this.#transmit(link, sent);
    });
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  #transmit(link: Link, sent: InFlight): void {
    const { exchange, routingKey, messageId, contentType, headers, body, createdAtSeconds } = sent.row;
    const properties = { messageId, contentType, headers, timestamp: createdAtSeconds };
    try {
      link.channel.publish(
        exchange,
        routingKey,
        Buffer.from(body, 'utf8'),
        { ...properties, persistent: true, mandatory: true },
        (error) => this.#confirmed(link, sent, error !== null),
      );
    } catch {
      // The channel is closing: `down` follows.
      sent.answer({ kind: 'Lost' });
    }
  }

  #confirmed(link: Link, sent: InFlight, refused: boolean): void {
    if (link.lost) return;
    if (refused) sent.answer(failed('Refused', 'a queue is full or failed'));
    else if (sent.returned) sent.answer(failed('Unroutable', 'no queue is bound for the routing key'));
    else sent.answer({ kind: 'Confirmed' });
  }

  /** Comes before the confirmation of the same message. */
  #returned({ fields, properties }: ReturnedMessage): void {
    for (const each of this.#inFlight)
      if (
        each.row.messageId === properties.messageId &&
        each.row.exchange === fields.exchange &&
        each.row.routingKey === fields.routingKey
      )
        each.returned = true;
  }

  #up(link: Link): void {
    this.#link = link;
    this.#blocked = false;
    link.channel.on('return', (message) => this.#returned(message));
    this.#wake();
  }

  #down(link: Link, refusal: Error | undefined, onTrouble: (error: Error) => void): void {
    if (this.#link === link) this.#link = undefined;
    const lost = [...this.#inFlight];
    if (refusal !== undefined) {
      onTrouble(refusal);
      this.#blame(lost, refusal.message);
    }
    for (const { answer } of lost) answer({ kind: 'Lost' });
  }

  #blame(lost: readonly InFlight[], refusal: string): void {
    const exchange = refusedExchange(refusal);
    const guilty = lost.filter(({ row }) => row.exchange === exchange);
    for (const { answer } of guilty) answer(failed('Refused', refusal, true));
    if (guilty.length > 0) return;
    if (lost.length > 1) this.#suspicion = true;
    else lost[0]?.answer(failed('Refused', refusal));
  }

  #block(isBlocked: boolean): void {
    this.#blocked = isBlocked;
    if (!isBlocked) this.#wake();
  }
}

/** A topic that is forbidden says nothing about the others of its exchange. */
function refusedExchange(refusal: string): string | undefined {
  if (/\btopic '/.test(refusal)) return undefined;
  return /\bexchange '(.*?)' in vhost/.exec(refusal)?.[1];
}

function failed(reason: RelayFailure['reason'], detail: string, wholeExchange = false): Outcome {
  return { kind: 'Failed', reason, detail, wholeExchange };
}
