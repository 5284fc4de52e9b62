import { HEADERS } from '../api/names.ts';
import type { Retry, Verdict } from './decide.ts';
import type { Delivery, MessageProperties } from './delivery.ts';
import { replyAddress } from './reply-address.ts';

/** A message to publish, persistent. */
export interface Outgoing {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** Whether it is refused when no queue takes it. */
  readonly mandatory: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Ours among the headers, for a message whose own ones cannot be encoded again. */
  readonly ownHeaders: Readonly<Record<string, unknown>>;
}

type DeadLetter = Extract<Verdict, { kind: 'DeadLetter' }>;

/** Waits in the step's queue, and returns to the queue it came from, still with the address for its confirmation. */
export function retryMessage(delivery: Delivery, verdict: Retry): Outgoing {
  const own = { [HEADERS.attempts]: verdict.attempts };
  const copy = outgoing(delivery, verdict.step.exchange, delivery.source.queue, own);
  const reply = replyAddress(delivery.properties.replyTo);
  return reply.kind === 'Allowed'
    ? { ...copy, properties: { ...copy.properties, replyTo: reply.queue } }
    : copy;
}

export function deadLetterMessage(
  delivery: Delivery,
  verdict: DeadLetter,
  deadLetterQueue: string,
  now: Date,
): Outgoing {
  const own = {
    [HEADERS.reason]: verdict.reason,
    [HEADERS.detail]: verdict.detail,
    [HEADERS.queue]: delivery.source.queue,
    [HEADERS.deadLetteredAt]: now.toISOString(),
  };
  return outgoing(delivery, '', deadLetterQueue, own);
}

function outgoing(
  delivery: Delivery,
  exchange: string,
  routingKey: string,
  ownHeaders: Readonly<Record<string, unknown>>,
): Outgoing {
  return {
    exchange,
    routingKey,
    body: delivery.body,
    mandatory: true,
    properties: keptProperties(delivery.properties),
    headers: { ...keptHeaders(delivery.properties.headers), ...ownHeaders },
    ownHeaders,
  };
}

/**
 * Headers by which the broker would act on the copy: CC and BCC route it to further queues; by x-death it takes a
 * second round for a cycle and drops the message.
 */
const ACTIVE_HEADERS = /^(CC|BCC|x-death|x-delivery-count|x-(first|last)-death-.*)$/;

function keptHeaders(headers: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ACTIVE_HEADERS.test(name)));
}

/**
 * Not among them: userId and some values of replyTo, over which the broker may close our channel, and expiration, by
 * which a dead letter would vanish.
 */
const KEPT_PROPERTIES = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'messageId',
  'timestamp',
  'type',
  'appId',
] as const;

function keptProperties(properties: MessageProperties): Record<string, unknown> {
  const all: Readonly<Record<string, unknown>> = { ...properties };
  return Object.fromEntries(KEPT_PROPERTIES.map((name) => [name, all[name]]));
}
