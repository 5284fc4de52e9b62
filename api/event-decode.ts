import {
  type Decoded,
  isStatus,
  type Malformed,
  malformed,
  ORDER_ID_PATTERN,
  VERSION_PATTERN,
} from './event.ts';
import {
  type BodyProperties,
  ExactNumber,
  type JsonObject,
  kindOf,
  mayRepeatName,
  parseBody,
  parseExactly,
  repeatsName,
} from './event-body.ts';
import { describeTimestamp, parseTimestamp } from './event-timestamp.ts';
import { follow, type PointerTokens, pointerTokens } from './json-pointer.ts';
import type { EventSettings } from './worker-config.ts';

/** Reads one event. Never throws, whatever the bytes; bodies over the limit are refused before they are parsed. */
export type EventDecoder = (body: Uint8Array, properties: BodyProperties) => Decoded;

/** Prepares the settings once: the decoder is called for every message. */
export function eventDecoder(settings: EventSettings): EventDecoder {
  const plan = planOf(settings);
  return (bytes, properties) => {
    const body = parseBody(bytes, properties, settings.maxBodyBytes);
    if (body.kind === 'Malformed') return body;
    if (mayRepeatName(body.text, plan.quotedNames) && repeatsName(body.text, plan.names)) return DUPLICATE;
    return read(body.document, body.text, plan);
  };
}

const DUPLICATE = malformed('DuplicateField', 'expected every field once, got one of them twice');

interface Field {
  readonly pointer: string;
  readonly tokens: PointerTokens;
}

interface Plan {
  readonly orderId: Field;
  readonly status: Field;
  readonly timestamp: Field;
  readonly timestampFormat: EventSettings['timestampFormat'];
  readonly version: Field | undefined;
  readonly names: ReadonlySet<string>;
  readonly quotedNames: readonly string[];
}

function planOf(settings: EventSettings): Plan {
  const orderId = field(settings.orderIdPointer);
  const status = field(settings.statusPointer);
  const timestamp = field(settings.timestampPointer);
  const version = settings.versionPointer === undefined ? undefined : field(settings.versionPointer);
  const used = [orderId, status, timestamp, ...(version ? [version] : [])];
  const names = new Set(used.flatMap(({ tokens }) => tokens));
  const quotedNames = [...names].map((name) => JSON.stringify(name));
  return {
    orderId,
    status,
    timestamp,
    timestampFormat: settings.timestampFormat,
    version,
    names,
    quotedNames,
  };
}

function field(pointer: string): Field {
  return { pointer, tokens: pointerTokens(pointer) };
}

function read(document: JsonObject, text: string, plan: Plan): Decoded {
  const status = follow(document, plan.status.tokens);
  if (typeof status !== 'string' || !isStatus(status)) return invalidStatus(plan.status, status);
  const time = follow(document, plan.timestamp.tokens);
  const timestampMs = parseTimestamp(plan.timestampFormat, time);
  if (timestampMs === undefined) return invalidTimestamp(plan, time);
  const orderId = follow(document, plan.orderId.tokens);
  const version = plan.version === undefined ? null : follow(document, plan.version.tokens);
  if (isInexact(orderId) || isInexact(version)) return readExactly(text, plan, status, timestampMs);
  return identified(plan, orderId, version, status, timestampMs);
}

const isInexact = (value: unknown) => typeof value === 'number' && !Number.isSafeInteger(value);

/** A number above 2^53 would silently be another order or version: its digits are taken from the text. */
function readExactly(text: string, plan: Plan, status: string, timestampMs: number): Decoded {
  let document: JsonObject;
  try {
    document = parseExactly(text);
  } catch {
    return malformed('InvalidJson', 'expected a JSON object, got one that is nested too deeply');
  }
  const orderId = follow(document, plan.orderId.tokens);
  const version = plan.version === undefined ? null : follow(document, plan.version.tokens);
  return identified(plan, orderId, version, status, timestampMs);
}

function identified(
  plan: Plan,
  orderIdValue: unknown,
  versionValue: unknown,
  status: string,
  timestampMs: number,
): Decoded {
  const orderId = textOf(orderIdValue);
  if (orderId === undefined || !ORDER_ID_PATTERN.test(orderId)) return invalidOrderId(plan, orderIdValue);
  if (versionValue === null) return { kind: 'Event', event: { orderId, status, timestampMs, version: null } };
  const version = textOf(versionValue);
  if (version === undefined || !VERSION_PATTERN.test(version)) return invalidVersion(plan, versionValue);
  return { kind: 'Event', event: { orderId, status, timestampMs, version: withoutLeadingZeros(version) } };
}

/** A string as it is, a whole number as its digits. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  return value instanceof ExactNumber && /^[0-9]+$/.test(value.source) ? value.source : undefined;
}

function withoutLeadingZeros(digits: string): string {
  return digits.charCodeAt(0) === 48 ? digits.replace(/^0+(?=[0-9])/, '') : digits;
}

function invalidStatus({ pointer }: Field, value: unknown): Malformed {
  if (value === undefined) return missing(pointer);
  const expected = 'expected a string of 1 to 128 characters without control characters';
  return malformed('InvalidStatus', `${expected}, got ${describe(value)}`, pointer);
}

function invalidTimestamp({ timestamp, timestampFormat }: Plan, value: unknown): Malformed {
  if (value === undefined) return missing(timestamp.pointer);
  const detail = `expected ${describeTimestamp(timestampFormat)}, got ${describe(value)}`;
  return malformed('InvalidTimestamp', detail, timestamp.pointer);
}

function invalidOrderId({ orderId }: Plan, value: unknown): Malformed {
  if (value === undefined) return missing(orderId.pointer);
  const expected = `expected a whole number or a string that matches ${ORDER_ID_PATTERN.source}`;
  return malformed('InvalidOrderId', `${expected}, got ${describe(value)}`, orderId.pointer);
}

function invalidVersion({ version }: Plan, value: unknown): Malformed {
  if (value === undefined) return missing(version?.pointer ?? '');
  const expected = 'expected a whole number of at most 64 digits, or null for a change without a version';
  return malformed('InvalidVersion', `${expected}, got ${describe(value)}`, version?.pointer);
}

function missing(pointer: string): Malformed {
  return malformed('MissingField', 'expected a value, got nothing', pointer);
}

/** The kind of a value, and of a string its length, so that the payload stays out of logs and headers. */
function describe(value: unknown): string {
  if (value instanceof ExactNumber) return 'a number';
  return typeof value === 'string' ? `a string of ${value.length} characters` : kindOf(value);
}
