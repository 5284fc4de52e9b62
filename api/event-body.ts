import { type Malformed, malformed } from './event.ts';

/** What of a message's properties says how its body is to be read. */
export interface BodyProperties {
  /** Not believed: the bytes decide. */
  readonly contentType?: string | undefined;
  /** Not believed either, but it explains a body that is not JSON. */
  readonly contentEncoding?: string | undefined;
}

export type JsonObject = { readonly [name: string]: unknown };
export type Body =
  | { readonly kind: 'Body'; readonly text: string; readonly document: JsonObject }
  | Malformed;

/** JSON is UTF-8 (RFC 8259). A byte order mark in front is skipped, as its section 8.1 allows. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

export function parseBody(bytes: Uint8Array, properties: BodyProperties, maxBytes: number): Body {
  if (bytes.length > maxBytes)
    return malformed('BodyTooLarge', `expected at most ${maxBytes} bytes, got ${bytes.length}`);
  if (bytes.length === 0) return malformed('EmptyBody', 'expected a JSON object, got no bytes');
  const body = parseText(bytes);
  return body.kind === 'Body' ? body : explained(body, properties.contentEncoding);
}

function parseText(bytes: Uint8Array): Body {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return malformed('InvalidUtf8', 'expected a JSON object in UTF-8, got bytes that are not UTF-8');
  }
  try {
    return objectBody(text, JSON.parse(text));
  } catch {
    return malformed('InvalidJson', 'expected a JSON object, got text that is not JSON');
  }
}

function objectBody(text: string, document: unknown): Body {
  return isObject(document)
    ? { kind: 'Body', text, document }
    : malformed('NotAnObject', `expected a JSON object, got ${kindOf(document)}`);
}

const readable = new Set(['', 'identity', 'utf-8', 'utf8', 'us-ascii', 'ascii', 'binary', '8bit']);

function explained(fault: Malformed, contentEncoding: string | undefined): Malformed {
  if (fault.reason === 'NotAnObject' || readable.has(String(contentEncoding ?? '').toLowerCase()))
    return fault;
  return malformed(
    'UnsupportedEncoding',
    'expected JSON in UTF-8 without compression, got another content encoding',
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON type of a value, for messages that may not show the value. */
export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/g;

/**
 * Whether one of the names stands twice in one object of the text, which must be valid JSON. JSON.parse silently
 * takes the last one, another consumer perhaps the first: two systems would see two different orders.
 */
export function repeatsName(text: string, names: ReadonlySet<string>): boolean {
  const open: Set<string>[] = [];
  for (const [token, colon] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon !== undefined && repeated(token.slice(0, -colon.length), names, open.at(-1))) return true;
  }
  return false;
}

function repeated(literal: string, names: ReadonlySet<string>, seen: Set<string> | undefined): boolean {
  const name: string = JSON.parse(literal);
  if (!names.has(name)) return false;
  if (seen?.has(name)) return true;
  seen?.add(name);
  return false;
}

/** Quick and never wrong with `false`: the text cannot repeat a name. The quoted names are JSON literals. */
export function mayRepeatName(text: string, quotedNames: readonly string[]): boolean {
  if (text.includes('\\')) return true;
  return quotedNames.some((name) => text.indexOf(name, text.indexOf(name) + name.length) !== -1);
}

/** A number as the text spelled it, where a double would have lost digits. */
export class ExactNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

/** Parses again; every number that is not a safe integer becomes an ExactNumber. Throws RangeError if too deep. */
export function parseExactly(text: string): JsonObject {
  return JSON.parse(text, (_name: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && context?.source !== undefined
      ? new ExactNumber(context.source)
      : value,
  );
}
