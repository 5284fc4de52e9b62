/** The order status event: what initiators publish and workers read, whatever its JSON looks like. */
export interface OrderEvent {
  /** Matches ORDER_ID_PATTERN. A number in the JSON is its decimal text: `1` and `"1"` are the same order. */
  readonly orderId: string;
  /** 1 to 128 characters, none of them a control character. */
  readonly status: string;
  /** Milliseconds since 1970, with a fraction for microseconds. For people: it never decides which event wins. */
  readonly timestampMs: number;
  /**
   * Decimal digits without leading zeros, at most 64; null when the policy or the event has no version. With the
   * versionFormat Timestamp: whole microseconds since 1970.
   */
  readonly version: string | null;
  /** W3C trace context that the event itself carries (CloudEvents), valid. The AMQP header is not in here. */
  readonly traceparent?: string;
}

/** Order ids become parts of Redis keys, so nothing that has a meaning there: no `:`, `{}`, `*`, space, control. */
export const ORDER_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._/@+=~-]{0,127}$/;

/** Digits of a row version, leading zeros apart. */
export const VERSION_PATTERN = /^[0-9]{1,64}$/;

const printableAscii = /^[\x20-\x7e]{1,128}$/;
const withoutControls = /^[^\p{Cc}\p{Cs}]{1,128}$/u;

/** 1 to 128 characters, no control character, no half of a surrogate pair. */
export function isStatus(value: string): boolean {
  return printableAscii.test(value) || withoutControls.test(value);
}

/** Why an event is dead-lettered at its first delivery. Machines read these: they are part of the contract. */
export const MALFORMED_REASONS = [
  'BodyTooLarge',
  'EmptyBody',
  /** Not JSON, and the content encoding says that it is compressed or in another character set. */
  'UnsupportedEncoding',
  'InvalidUtf8',
  'InvalidJson',
  'NotAnObject',
  /** A name that a pointer uses stands twice in one object, so the event could mean two things. */
  'DuplicateField',
  /** Several CloudEvents in one message. */
  'BatchNotSupported',
  /** An attribute that CloudEvents 1.0 requires is missing or wrong. */
  'InvalidCloudEvent',
  'MissingField',
  'InvalidOrderId',
  'InvalidStatus',
  'InvalidTimestamp',
  'InvalidVersion',
  /** The worker writes the row, and the time that orders the event is further ahead of its clock than is allowed. */
  'TimestampAhead',
] as const;
export type MalformedReason = (typeof MALFORMED_REASONS)[number];

export interface Malformed {
  readonly kind: 'Malformed';
  readonly reason: MalformedReason;
  /** JSON pointer of the field at fault, if it is one field. */
  readonly field?: string;
  /** What was expected and what kind of thing came; never anything of the payload. */
  readonly detail: string;
}

export type Decoded = { readonly kind: 'Event'; readonly event: OrderEvent } | Malformed;

export function malformed(reason: MalformedReason, detail: string, field?: string): Malformed {
  return field === undefined
    ? { kind: 'Malformed', reason, detail }
    : { kind: 'Malformed', reason, field, detail };
}
