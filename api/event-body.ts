import { type Malformed, malformed } from './event.ts';
import type { ParseJson } from './json-exact.ts';
import { type GuardedNames, repeatsName } from './json-names.ts';

/** What of a message's properties says how its body is to be read. */
export interface BodyProperties {
  /** Not believed: the bytes decide. */
  readonly contentType?: string | undefined;
  /** Not believed either, but it explains a body that is not JSON. */
  readonly contentEncoding?: string | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}

export type JsonObject = { readonly [name: string]: unknown };

/** A JSON text with what it holds. */
export type Json = { readonly kind: 'Json'; readonly value: unknown } | Malformed;

/** An event as the pointers read it, whatever came over the wire. */
export interface Opened {
  readonly kind: 'Opened';
  readonly document: JsonObject;
  /** From the event, unchecked; the AMQP header is not meant. */
  readonly traceparent?: unknown;
}

/** Opens the body of a message. Never throws. */
export type EventOpener = (
  bytes: Uint8Array,
  properties: BodyProperties,
  parse: ParseJson,
) => Opened | Malformed;

/** What an opener must know of the settings. */
export interface OpenerSettings {
  readonly maxBytes: number;
  /** Of the pointers, and those that the format itself reads. */
  readonly names: GuardedNames;
  /** The first name of each pointer. */
  readonly firstNames: ReadonlySet<string>;
}

/** JSON is UTF-8 (RFC 8259). A byte order mark in front is skipped, as its section 8.1 allows. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bodies over the limit are refused before they are parsed. */
export function bodyJson(
  bytes: Uint8Array,
  properties: BodyProperties,
  { maxBytes, names }: OpenerSettings,
  parse: ParseJson,
): Json {
  if (bytes.length > maxBytes)
    return malformed('BodyTooLarge', `expected at most ${maxBytes} bytes, got ${bytes.length}`);
  if (bytes.length === 0) return malformed('EmptyBody', 'expected JSON, got no bytes');
  const json = bytesJson(bytes, names, parse);
  return json.kind === 'Json' ? json : explained(json, properties.contentEncoding);
}

export function bytesJson(bytes: Uint8Array, names: GuardedNames, parse: ParseJson): Json {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return malformed('InvalidUtf8', 'expected JSON in UTF-8, got bytes that are not UTF-8');
  }
  return textJson(text, names, parse);
}

export function textJson(text: string, names: GuardedNames, parse: ParseJson): Json {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    const fault = error instanceof RangeError ? 'JSON that is nested too deeply' : 'text that is not JSON';
    return malformed('InvalidJson', `expected JSON, got ${fault}`);
  }
  return repeatsName(text, names) ? DUPLICATE : { kind: 'Json', value };
}

const DUPLICATE = malformed('DuplicateField', 'expected every field once, got one of them twice');

/** Format JSON: the body is the event. */
export function jsonOpener(settings: OpenerSettings): EventOpener {
  return (bytes, properties, parse) => {
    const json = bodyJson(bytes, properties, settings, parse);
    return json.kind === 'Json' ? openedObject(json.value) : json;
  };
}

export function openedObject(value: unknown): Opened | Malformed {
  return isObject(value)
    ? { kind: 'Opened', document: value }
    : malformed('NotAnObject', `expected a JSON object, got ${kindOf(value)}`);
}

const readable = new Set(['', 'identity', 'utf-8', 'utf8', 'us-ascii', 'ascii', 'binary', '8bit']);

function explained(fault: Malformed, contentEncoding: string | undefined): Malformed {
  if (fault.reason === 'DuplicateField' || readable.has(String(contentEncoding ?? '').toLowerCase()))
    return fault;
  return malformed(
    'UnsupportedEncoding',
    'expected JSON in UTF-8 without compression, got another content encoding',
  );
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON type of a value, for messages that may not show the value. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
