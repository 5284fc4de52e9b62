import { cloudEventOpener } from './cloud-event.ts';
import { debeziumOutboxOpener } from './debezium-outbox.ts';
import type { Decoded } from './event.ts';
import { type BodyProperties, type EventOpener, jsonOpener } from './event-body.ts';
import { type FieldPlan, fieldPlan, pointersOf, readFields } from './event-fields.ts';
import { type ParseJson, parseExactly } from './json-exact.ts';
import { guardedNames } from './json-names.ts';
import { validTraceparent } from './traceparent.ts';
import type { EventFormat, EventSettings } from './worker-config.ts';

/** Reads one event. Never throws, whatever the bytes; bodies over the limit are refused before they are parsed. */
export type EventDecoder = (body: Uint8Array, properties: BodyProperties) => Decoded;

/** How each format is opened, and which names it reads beside those of the pointers. */
const FORMATS = {
  JSON: { opener: jsonOpener, names: [] },
  CloudEvents: { opener: cloudEventOpener, names: ['specversion', 'data', 'data_base64'] },
  DebeziumOutbox: { opener: debeziumOutboxOpener, names: ['schema', 'payload'] },
} as const satisfies Record<EventFormat, object>;

const parseQuickly: ParseJson = JSON.parse;

/** Prepares the settings once: the decoder is called for every message. */
export function eventDecoder(settings: EventSettings): EventDecoder {
  const plan = fieldPlan(settings);
  const open = openerOf(settings, plan);
  return (bytes, properties) => {
    const quick = decode(bytes, properties, plan, open, parseQuickly);
    return quick.kind === 'Inexact' ? exactly(bytes, properties, plan, open) : quick;
  };
}

function openerOf({ format, maxBodyBytes }: EventSettings, plan: FieldPlan): EventOpener {
  const pointers = pointersOf(plan);
  const { opener, names } = FORMATS[format];
  return opener({
    maxBytes: maxBodyBytes,
    names: guardedNames([...pointers.flat(), ...names]),
    firstNames: new Set(pointers.flatMap((tokens) => tokens.slice(0, 1))),
  });
}

function decode(
  bytes: Uint8Array,
  properties: BodyProperties,
  plan: FieldPlan,
  open: EventOpener,
  parse: ParseJson,
) {
  const opened = open(bytes, properties, parse);
  if (opened.kind === 'Malformed') return opened;
  const result = readFields(opened.document, plan, parse === parseExactly);
  const traceparent = validTraceparent(opened.traceparent);
  if (traceparent === undefined || result.kind !== 'Event') return result;
  return { kind: 'Event', event: { ...result.event, traceparent } } as const;
}

/** Seldom: an order id or version beyond 2^53, or an instant with a fraction as version. */
function exactly(bytes: Uint8Array, properties: BodyProperties, plan: FieldPlan, open: EventOpener): Decoded {
  const result = decode(bytes, properties, plan, open, parseExactly);
  if (result.kind === 'Inexact') throw new TypeError('an exact document was read as inexact');
  return result;
}
