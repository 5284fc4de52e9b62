import { type Malformed, malformed } from './event.ts';
import {
  type BodyProperties,
  bodyJson,
  type EventOpener,
  isObject,
  type Json,
  type JsonObject,
  kindOf,
  type Opened,
  type OpenerSettings,
  textJson,
} from './event-body.ts';
import type { ParseJson } from './json-exact.ts';
import { emptyTree } from './json-pointer.ts';

/**
 * Format DebeziumOutbox: what Debezium's outbox event router makes of a row, in any of the shapes that its settings
 * and those of Connect's JsonConverter give. The value is the payload, as an object or as JSON text, perhaps within
 * {schema, payload}; with additional fields in the envelope it is {payload, ...fields}. Fields placed in headers are
 * JSON texts of their own.
 */
export function debeziumOutboxOpener(settings: OpenerSettings): EventOpener {
  return (bytes, properties, parse) => {
    const body = bodyJson(bytes, properties, settings, parse);
    if (body.kind === 'Malformed') return body;
    const value = expanded(withoutSchema(body.value), settings, parse);
    if (value.kind === 'Malformed') return value;
    if (!isObject(value.value))
      return malformed('NotAnObject', `expected an object as payload, got ${kindOf(value.value)}`);
    return merged(value.value, properties, settings, parse);
  };
}

/** JsonConverter's envelope has these two names and no other. */
function withoutSchema(value: unknown): unknown {
  if (!isObject(value) || !Object.hasOwn(value, 'schema') || !Object.hasOwn(value, 'payload')) return value;
  const { schema, payload } = value;
  return (isObject(schema) || schema === null) && Object.keys(value).length === 2 ? payload : value;
}

/** Without table.expand.json.payload the payload is a text that holds JSON. */
function expanded(value: unknown, { names }: OpenerSettings, parse: ParseJson): Json {
  return typeof value === 'string' ? textJson(value, names, parse) : { kind: 'Json', value };
}

/** Each name that a pointer begins with: from the value, or else the payload within it, or else a header. */
function merged(
  value: JsonObject,
  { headers = {} }: BodyProperties,
  settings: OpenerSettings,
  parse: ParseJson,
): Opened | Malformed {
  const inner = expanded(value.payload, settings, parse);
  if (inner.kind === 'Malformed' && inner.reason === 'DuplicateField') return inner;
  const payload = inner.kind === 'Json' && isObject(inner.value) ? inner.value : undefined;
  const document = emptyTree();
  for (const name of settings.firstNames) {
    if (name === 'payload' && payload !== undefined) document[name] = payload;
    else if (Object.hasOwn(value, name)) document[name] = value[name];
    else if (payload !== undefined && Object.hasOwn(payload, name)) document[name] = payload[name];
    else if (Object.hasOwn(headers, name)) document[name] = headerValue(headers[name], settings, parse);
    // A text that is not JSON may be a field that happens to have this name, but not when something is missing.
    else if (inner.kind === 'Malformed') return inner;
  }
  return { kind: 'Opened', document };
}

/** Debezium Server writes headers as JSON, other relays as they are. */
function headerValue(value: unknown, { names }: OpenerSettings, parse: ParseJson): unknown {
  const text = Buffer.isBuffer(value) ? value.toString('utf8') : value;
  if (typeof text !== 'string' || !/^["{]/.test(text)) return text;
  const json = textJson(text, names, parse);
  return json.kind === 'Json' ? withoutSchema(json.value) : text;
}
