import { randomUUID } from 'node:crypto';
import type { CloudEventSettings } from '../api/cloud-event-encode.ts';
import type { OrderEvent } from '../api/event.ts';
import { type EncodedEvent, type EventEncoder, eventEncoder } from '../api/event-encode.ts';
import { parseMicroseconds } from '../api/event-timestamp.ts';
import type { EventSettings } from '../api/worker-config.ts';
import type { PublisherSettings } from './options.ts';
import { PublishError } from './publish-error.ts';

/** A change of an order's status, as an initiator states it. */
export interface OrderChange {
  /** Letters, digits and `._/@+=~-`, at most 128 characters; or a whole number. */
  readonly orderId: string | number | bigint;
  /** 1 to 128 characters without control characters. */
  readonly status: string;
  /** When the change happened, a Date or milliseconds since 1970. Default: now. */
  readonly timestamp?: Date | number;
  /**
   * The row version that the change produced; needs `event.versionPointer`. Default: none. With `event.versionFormat`
   * Timestamp: the timestamptz as RFC 3339 text, or its whole microseconds since 1970. A Date has too few digits.
   */
  readonly version?: string | number | bigint | null;
}

export interface PublishOptions {
  /** Default: a random UUID. Give the same id when the same event is published again. */
  readonly messageId?: string;
  /** Instead of the publisher's routing key. */
  readonly routingKey?: string;
  /** W3C trace context of the change. It goes with the event into the worker's log lines. Default: none. */
  readonly traceparent?: string;
}

export interface WaitOptions extends PublishOptions {
  /** How long `publishAndWait` takes at most, from 1 to 3600000. Default: that of the publisher. */
  readonly timeoutMilliseconds?: number;
}

/** What goes to the broker. */
export interface Message {
  readonly messageId: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string | null>>;
  /** AMQP has whole seconds. */
  readonly timestampSeconds: number;
}

export type MessageBuilder = (change: OrderChange, options: PublishOptions) => Message;

export interface MessageSettings extends Pick<PublisherSettings, 'event' | 'routingKey'> {
  readonly cloudEvents?: CloudEventSettings | undefined;
}

/** @throws TypeError when the event settings cannot be written */
export function messageBuilder({
  event: settings,
  routingKey,
  cloudEvents,
}: MessageSettings): MessageBuilder {
  const encode = eventEncoder(settings, cloudEvents);
  return (change, options) => {
    const messageId = shortString('messageId', options.messageId ?? randomUUID());
    const event = orderEvent(change, options, settings, messageId);
    const { body, contentType, headers } = encoded(encode, event, messageId);
    const key =
      options.routingKey ?? (typeof routingKey === 'function' ? guarded(routingKey, event) : routingKey);
    return {
      messageId,
      routingKey: shortString('routingKey', key, messageId),
      body,
      contentType,
      headers,
      timestampSeconds: Math.floor(event.timestampMs / 1000),
    };
  };
}

function orderEvent(
  change: OrderChange,
  { traceparent }: PublishOptions,
  { versionFormat }: EventSettings,
  messageId: string,
): OrderEvent {
  const { orderId, status, timestamp = Date.now(), version = null } = change;
  const versionText = version === null ? null : exactText('version', version, messageId);
  return {
    orderId: exactText('orderId', orderId, messageId),
    status,
    timestampMs: Number(timestamp),
    version: versionFormat === 'Timestamp' ? microseconds(versionText) : versionText,
    ...(traceparent !== undefined && { traceparent }),
  };
}

/** Text that is no RFC 3339 timestamp stays, and is checked as microseconds. */
function microseconds(version: string | null): string | null {
  return version === null ? null : String(parseMicroseconds('RFC3339', version) ?? version);
}

/** A number above 2^53 may have lost digits before it came here. */
function exactText(field: string, value: string | number | bigint, messageId: string): string {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw invalid(field, 'expected a string, a bigint or a safe integer, got another number', messageId);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
    ? String(value)
    : '';
}

function encoded(encode: EventEncoder, event: OrderEvent, messageId: string): EncodedEvent {
  const result = encode(event, messageId);
  if (result.kind === 'Encoded') return result;
  const field = result.field === 'timestampMs' ? 'timestamp' : result.field;
  throw invalid(field, result.detail, messageId);
}

function guarded(routingKey: (event: OrderEvent) => string, event: OrderEvent): string | undefined {
  try {
    return routingKey(event);
  } catch {
    return undefined;
  }
}

function shortString(field: string, value: string | undefined, messageId?: string): string {
  if (typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255) return value;
  throw invalid(field, 'expected a string of 1 to 255 bytes', messageId);
}

export function invalid(field: string, detail: string, messageId: string | undefined): PublishError {
  return new PublishError('Invalid', `${field}: ${detail}`, { field, messageId });
}
