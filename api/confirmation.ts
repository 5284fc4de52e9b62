/** What a worker publishes after the cache is right, before it acknowledges the event: JSON, as below. */
export interface Confirmation {
  /** Null for an event that was dead-lettered because of what is in it. */
  readonly orderId: string | null;
  /** That of the row as it was read after the event; the event's own where no row was read; null: neither has one. */
  readonly version: string | null;
  /** That of the row, if it was read. */
  readonly status?: string;
  readonly outcome: ConfirmationOutcome;
  /** With `dead-lettered`: why, as in the dead letter's header. */
  readonly reason?: string;
  /** Of the event; null: it had none. */
  readonly messageId: string | null;
  /** `<namespace>/<name>`. */
  readonly policy: string;
}

export const CONFIRMATION_OUTCOMES = [
  /** The record was written from the row. */
  'updated',
  /** The record was dropped: the next reader takes the row. */
  'invalidated',
  /** The order was not in the cache. */
  'absent',
  /** The record already was what the row says. */
  'unchanged',
  /** The event's version is lower than the row's: readers see the newer row, or none. */
  'outdated',
  /** The row behind the event's version never became visible. Readers see the row that is. */
  'unseen',
  /** The event lies in the dead-letter queue. */
  'dead-lettered',
] as const;
export type ConfirmationOutcome = (typeof CONFIRMATION_OUTCOMES)[number];

/** The message's property `type`. */
export const CONFIRMATION_TYPE = 'order.cache.confirmation';
export const CONFIRMATION_CONTENT_TYPE = 'application/json';

/** RabbitMQ's direct reply-to: as `replyTo`, and as the queue to consume from on the channel that publishes. */
export const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';

export function encodeConfirmation(confirmation: Confirmation): Buffer {
  return Buffer.from(JSON.stringify(confirmation));
}

/** Undefined for what is no confirmation; fields that are unknown are left out. */
export function parseConfirmation(body: Buffer): Confirmation | undefined {
  const fields = parsedObject(body);
  const outcome = CONFIRMATION_OUTCOMES.find((known) => known === fields.outcome);
  const [orderId, version, messageId] = [fields.orderId, fields.version, fields.messageId];
  if (!isTextOrNull(orderId) || !isTextOrNull(version) || !isTextOrNull(messageId)) return undefined;
  if (outcome === undefined || typeof fields.policy !== 'string') return undefined;
  return {
    orderId,
    version,
    outcome,
    messageId,
    policy: fields.policy,
    ...(typeof fields.status === 'string' && { status: fields.status }),
    ...(typeof fields.reason === 'string' && { reason: fields.reason }),
  };
}

function parsedObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function isTextOrNull(value: unknown): value is string | null {
  return typeof value === 'string' || value === null;
}
