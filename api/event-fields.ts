import {
  type Decoded,
  isStatus,
  type Malformed,
  malformed,
  ORDER_ID_PATTERN,
  type OrderEvent,
  VERSION_PATTERN,
} from './event.ts';
import { type JsonObject, kindOf } from './event-body.ts';
import { describeTimestamp, parseMicroseconds, parseTimestamp } from './event-timestamp.ts';
import { ExactNumber, isInexact } from './json-exact.ts';
import { follow, type PointerTokens, pointerTokens } from './json-pointer.ts';
import type { EventSettings } from './worker-config.ts';

interface Field {
  readonly pointer: string;
  readonly tokens: PointerTokens;
}

/** Where the fields of an event are, prepared once. */
export interface FieldPlan {
  readonly orderId: Field;
  readonly status: Field;
  readonly timestamp: Field;
  readonly timestampFormat: EventSettings['timestampFormat'];
  readonly version: Field | undefined;
  readonly versionFormat: EventSettings['versionFormat'];
}

export function fieldPlan(settings: EventSettings): FieldPlan {
  return {
    orderId: field(settings.orderIdPointer),
    status: field(settings.statusPointer),
    timestamp: field(settings.timestampPointer),
    timestampFormat: settings.timestampFormat,
    version: settings.versionPointer === undefined ? undefined : field(settings.versionPointer),
    versionFormat: settings.versionFormat,
  };
}

export function pointersOf({ orderId, status, timestamp, version }: FieldPlan): readonly PointerTokens[] {
  return [orderId, status, timestamp, ...(version ? [version] : [])].map(({ tokens }) => tokens);
}

function field(pointer: string): Field {
  return { pointer, tokens: pointerTokens(pointer) };
}

/** The digits of its order id or version are needed: parse the text again, exactly. */
export interface Inexact {
  readonly kind: 'Inexact';
}
const INEXACT: Inexact = { kind: 'Inexact' };

/** @param exact whether the document was parsed with every digit; if not, the result may be Inexact */
export function readFields(document: JsonObject, plan: FieldPlan, exact: boolean): Decoded | Inexact {
  const status = follow(document, plan.status.tokens);
  if (typeof status !== 'string' || !isStatus(status)) return invalidStatus(plan.status, status);
  const time = follow(document, plan.timestamp.tokens);
  const timestampMs = parseTimestamp(plan.timestampFormat, time instanceof ExactNumber ? time.source : time);
  if (timestampMs === undefined) return invalidTimestamp(plan, plan.timestamp, 'InvalidTimestamp', time);
  const orderId = follow(document, plan.orderId.tokens);
  const version = plan.version === undefined ? null : follow(document, plan.version.tokens);
  if (!exact && (isInexact(orderId) || isInexact(version))) return INEXACT;
  return identified(plan, orderId, version, status, timestampMs);
}

function identified(
  plan: FieldPlan,
  orderIdValue: unknown,
  versionValue: unknown,
  status: string,
  timestampMs: number,
): Decoded {
  const orderId = textOf(orderIdValue);
  if (orderId === undefined || !ORDER_ID_PATTERN.test(orderId))
    return invalidOrderId(plan.orderId, orderIdValue);
  if (versionValue === null || plan.version === undefined)
    return decoded({ orderId, status, timestampMs, version: null });
  const version = plan.versionFormat === 'Timestamp' ? instant(plan, versionValue) : whole(versionValue);
  if (version !== undefined) return decoded({ orderId, status, timestampMs, version });
  return plan.versionFormat === 'Timestamp'
    ? invalidTimestamp(plan, plan.version, 'InvalidVersion', versionValue)
    : invalidVersion(plan.version, versionValue);
}

function decoded(event: OrderEvent): Decoded {
  return { kind: 'Event', event };
}

/** A string as it is, a whole number as its digits. A number of AMQP may have lost digits before it came here. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : undefined;
  return value instanceof ExactNumber && /^[0-9]+$/.test(value.source) ? value.source : undefined;
}

function whole(value: unknown): string | undefined {
  const digits = textOf(value);
  return digits !== undefined && VERSION_PATTERN.test(digits) ? withoutLeadingZeros(digits) : undefined;
}

function withoutLeadingZeros(digits: string): string {
  return digits.charCodeAt(0) === 48 ? digits.replace(/^0+(?=[0-9])/, '') : digits;
}

function instant({ timestampFormat }: FieldPlan, value: unknown): string | undefined {
  const micros = parseMicroseconds(timestampFormat, value instanceof ExactNumber ? value.source : value);
  return micros === undefined ? undefined : String(micros);
}

function invalidStatus({ pointer }: Field, value: unknown): Malformed {
  if (value === undefined) return missing(pointer);
  const expected = 'expected a string of 1 to 128 characters without control characters';
  return malformed('InvalidStatus', `${expected}, got ${describe(value)}`, pointer);
}

function invalidTimestamp(
  { timestampFormat }: FieldPlan,
  { pointer }: Field,
  reason: 'InvalidTimestamp' | 'InvalidVersion',
  value: unknown,
): Malformed {
  if (value === undefined) return missing(pointer);
  return malformed(reason, `expected ${describeTimestamp(timestampFormat)}, got ${describe(value)}`, pointer);
}

function invalidOrderId({ pointer }: Field, value: unknown): Malformed {
  if (value === undefined) return missing(pointer);
  const expected = `expected a whole number or a string that matches ${ORDER_ID_PATTERN.source}`;
  return malformed('InvalidOrderId', `${expected}, got ${describe(value)}`, pointer);
}

function invalidVersion({ pointer }: Field, value: unknown): Malformed {
  if (value === undefined) return missing(pointer);
  const expected = 'expected a whole number of at most 64 digits, or null for a change without a version';
  return malformed('InvalidVersion', `${expected}, got ${describe(value)}`, pointer);
}

function missing(pointer: string): Malformed {
  return malformed('MissingField', 'expected a value, got nothing', pointer);
}

/** The kind of a value, and of a string its length, so that the payload stays out of logs and headers. */
function describe(value: unknown): string {
  if (value instanceof ExactNumber) return 'a number';
  return typeof value === 'string' ? `a string of ${value.length} characters` : kindOf(value);
}
