import type { ConsumeMessage, Options } from 'amqplib';
import { type Confirmation, parseConfirmation } from '../../api/confirmation.ts';
import { until } from './worker-process.ts';
import { publishBytes, type Stage } from './worker-stage.ts';

export interface Seen extends Confirmation {
  readonly message: ConsumeMessage;
}

/** What arrives in a queue, in the order of arrival. */
export interface Listening {
  readonly queue: string;
  readonly seen: readonly Seen[];
  untilSeen(count: number, milliseconds?: number): Promise<readonly Seen[]>;
  cancel(): Promise<void>;
}

/** Consumes a queue of its own on the stage's channel: bound to the exchange, or for replies if it has none. */
export async function listen(stage: Stage, name: string, exchange?: string): Promise<Listening> {
  const { channel } = stage;
  if (name !== 'amq.rabbitmq.reply-to') await channel.assertQueue(name, { durable: true });
  if (exchange !== undefined) {
    await channel.assertExchange(exchange, 'topic');
    await channel.bindQueue(name, exchange, '#');
  }
  const seen: Seen[] = [];
  const receive = (message: ConsumeMessage | null) => {
    const confirmation = message === null ? undefined : parseConfirmation(message.content);
    if (message !== null && confirmation !== undefined) seen.push({ ...confirmation, message });
  };
  const { consumerTag } = await channel.consume(name, receive, { noAck: true });
  return {
    queue: name,
    seen,
    untilSeen: (count, milliseconds) =>
      until(`${count} confirmations, got ${seen.length}`, () => seen.length >= count && seen, milliseconds),
    cancel: async () => void (await channel.cancel(consumerTag)),
  };
}

export interface AskedEvent {
  readonly orderId: string;
  readonly version?: number;
  readonly status?: string;
}

/** Publishes an event with properties of the test's own, confirmed by the broker. */
export async function ask(stage: Stage, event: AskedEvent | string, properties: Options.Publish) {
  const body =
    typeof event === 'string' ? event : JSON.stringify({ status: 'SENT', timestamp: new Date(), ...event });
  publishBytes(stage, Buffer.from(body), properties);
  await stage.channel.waitForConfirms();
}
