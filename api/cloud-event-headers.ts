import { type Malformed, malformed } from './event.ts';
import type { BodyProperties } from './event-body.ts';
import { emptyTree, type Tree } from './json-pointer.ts';

/** `cloudEvents:` and `cloudEvents_` of the AMQP binding, `ce-` of the RabbitMQ and HTTP bindings. */
const PREFIXES = ['cloudEvents_', 'cloudEvents:', 'ce-'] as const;
const VERSION_HEADERS = PREFIXES.map((prefix) => `${prefix}specversion`);
const STRUCTURED = /^application\/cloudevents/i;

/**
 * Structured by the content type, as the bindings say; otherwise binary if a header says so, and structured again if
 * none does, since a content type gets lost more easily than the envelope.
 */
export function modeOf({ contentType, headers = {} }: BodyProperties): 'Structured' | 'Binary' {
  if (STRUCTURED.test(String(contentType ?? ''))) return 'Structured';
  return VERSION_HEADERS.some((name) => Object.hasOwn(headers, name)) ? 'Binary' : 'Structured';
}

/** A CloudEvent without its data. */
export interface AttributesOnly {
  readonly kind: 'Opened';
  readonly document: Tree;
}

/** The attributes as they stand in the JSON of structured mode. */
export function cloudEventOfHeaders({
  contentType,
  headers = {},
}: BodyProperties): AttributesOnly | Malformed {
  const document: Tree = emptyTree();
  for (const header of Object.keys(headers)) {
    const name = nameOf(header);
    if (name === undefined || name === 'data' || name === 'data_base64') continue;
    const attribute = attributeOf(name, headers[header]);
    if (name in document && document[name] !== attribute)
      return malformed('DuplicateField', 'expected one value, got two under different prefixes', `/${name}`);
    if (attribute !== undefined) document[name] = attribute;
  }
  if (typeof contentType === 'string') document.datacontenttype = contentType;
  return { kind: 'Opened', document };
}

function nameOf(header: string): string | undefined {
  for (const prefix of PREFIXES) if (header.startsWith(prefix)) return header.slice(prefix.length);
  return undefined;
}

/** Attributes of CloudEvents itself; none of them is a number or a Boolean. */
const TEXTS = new Set(['id', 'source', 'type', 'subject', 'time', 'dataschema', 'datacontenttype']);

/** Native types of AMQP become what JSON has for them. An integer beyond 2^53 has lost digits already: it stays. */
function attributeOf(name: string, value: unknown): unknown {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'number')
    return TEXTS.has(name) && Number.isSafeInteger(value) ? String(value) : value;
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return isTimestamp(value) ? new Date(value.value * 1000).toISOString() : undefined;
}

const LAST_SECOND = 253_402_300_799;

/** How amqplib reads AMQP's own timestamps, in seconds. */
function isTimestamp(value: unknown): value is { readonly value: number } {
  if (typeof value !== 'object' || value === null || !('!' in value) || !('value' in value)) return false;
  const { '!': kind, value: seconds } = value;
  return kind === 'timestamp' && typeof seconds === 'number' && seconds >= 0 && seconds <= LAST_SECOND;
}
