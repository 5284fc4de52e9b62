import { type CloudEventSettings, cloudEventWriter } from './cloud-event-encode.ts';
import { isStatus, ORDER_ID_PATTERN, type OrderEvent, VERSION_PATTERN } from './event.ts';
import { describeTimestamp, formatMicroseconds, microsecondsOf, parseTimestamp } from './event-timestamp.ts';
import { emptyTree, type PointerTokens, place, pointerTokens, type Tree } from './json-pointer.ts';
import { TRACEPARENT, validTraceparent } from './traceparent.ts';
import type { EventSettings } from './worker-config.ts';

export const EVENT_CONTENT_TYPE = 'application/json';

/** What a message is made of beside its routing. */
export interface EncodedEvent {
  readonly kind: 'Encoded';
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string | null>>;
}

export type Encoded =
  | EncodedEvent
  /** The event is not one that a worker would accept. */
  | { readonly kind: 'Invalid'; readonly field: EncodedField; readonly detail: string };

export type EncodedField = keyof OrderEvent | 'id' | 'body';

/** @param id the id of the CloudEvent; not written in format JSON */
export type EventEncoder = (event: OrderEvent, id?: string) => Encoded;

/** Puts a tree that the pointers have been written into into a message. */
export type EventWriter = (tree: Tree, id: string, traceparent: string | undefined) => EncodedEvent;

/**
 * Prepares the settings once.
 *
 * @throws TypeError if the format cannot be written, or two pointers not both into one event
 */
export function eventEncoder(settings: EventSettings, cloudEvents: CloudEventSettings = {}): EventEncoder {
  const pointers = pointersOf(settings);
  const write = writerOf(settings, cloudEvents, Object.values(pointers));
  const probe = emptyTree();
  for (const [name, tokens] of Object.entries(pointers))
    if (!place(probe, tokens, 0)) throw new TypeError(`the pointer of ${name} collides with another pointer`);
  return (event, id = '') => {
    const fault = faultOf(event, settings, id);
    return fault ?? bounded(write(treeOf(event, settings, pointers), id, event.traceparent), settings);
  };
}

function writerOf(
  { format }: EventSettings,
  cloudEvents: CloudEventSettings,
  pointers: readonly PointerTokens[],
): EventWriter {
  if (format === 'CloudEvents') return cloudEventWriter(cloudEvents, pointers);
  if (format === 'JSON') return writeJson;
  throw new TypeError(`event.format: expected JSON or CloudEvents, got ${format}, which Debezium writes`);
}

const writeJson: EventWriter = (tree, _id, traceparent) => ({
  kind: 'Encoded',
  body: Buffer.from(JSON.stringify(tree), 'utf8'),
  contentType: EVENT_CONTENT_TYPE,
  headers: traceparent === undefined ? {} : { [TRACEPARENT]: traceparent },
});

type Pointers = { readonly [K in keyof OrderEvent]?: PointerTokens };

function pointersOf(settings: EventSettings): Pointers {
  const { versionPointer } = settings;
  const hasOwnVersion = versionPointer !== undefined && !versionIsTimestamp(settings);
  return {
    orderId: pointerTokens(settings.orderIdPointer),
    status: pointerTokens(settings.statusPointer),
    timestampMs: pointerTokens(settings.timestampPointer),
    ...(hasOwnVersion ? { version: pointerTokens(versionPointer) } : {}),
  };
}

/** One field is both: the instant of the change is the row's version. */
function versionIsTimestamp({ versionFormat, versionPointer, timestampPointer }: EventSettings): boolean {
  return versionFormat === 'Timestamp' && versionPointer === timestampPointer;
}

function faultOf(event: OrderEvent, settings: EventSettings, id: string): Encoded | undefined {
  if (typeof event.orderId !== 'string' || !ORDER_ID_PATTERN.test(event.orderId))
    return invalid('orderId', `expected a string that matches ${ORDER_ID_PATTERN.source}`);
  if (typeof event.status !== 'string' || !isStatus(event.status))
    return invalid('status', 'expected a string of 1 to 128 characters without control characters');
  if (parseTimestamp('UnixMilliseconds', event.timestampMs) === undefined)
    return invalid('timestampMs', `expected ${describeTimestamp('UnixMilliseconds')}`);
  if (event.traceparent !== undefined && validTraceparent(event.traceparent) === undefined)
    return invalid('traceparent', 'expected a traceparent of W3C Trace Context, version 00');
  if (settings.format === 'CloudEvents' && id === '')
    return invalid('id', 'expected a string of at least one character');
  return event.version === null ? undefined : versionFault(event.version, event.timestampMs, settings);
}

function versionFault(version: string, timestampMs: number, settings: EventSettings): Encoded | undefined {
  if (typeof version !== 'string' || !VERSION_PATTERN.test(version))
    return invalid('version', 'expected a string of 1 to 64 decimal digits, or null');
  if (settings.versionPointer === undefined)
    return invalid('version', 'expected null, because the event settings have no versionPointer');
  if (settings.versionFormat === 'Integer') return undefined;
  if (parseTimestamp('UnixMicroseconds', version) === undefined)
    return invalid('version', `expected ${describeTimestamp('UnixMicroseconds')}`);
  return versionIsTimestamp(settings) && Number(version) !== microsecondsOf(timestampMs)
    ? invalid('version', 'expected the timestamp, because versionPointer is timestampPointer')
    : undefined;
}

function treeOf(event: OrderEvent, settings: EventSettings, pointers: Pointers): Tree {
  const values = {
    orderId: event.orderId,
    status: event.status,
    timestampMs: formatMicroseconds(settings.timestampFormat, microsecondsOf(event.timestampMs)),
    version: event.version === null ? null : versionValue(event.version, settings),
  };
  const tree = emptyTree();
  for (const name of ['orderId', 'status', 'timestampMs', 'version'] as const) {
    const tokens = pointers[name];
    if (tokens !== undefined) place(tree, tokens, values[name]);
  }
  return tree;
}

/** As text where a consumer that reads numbers as doubles would lose digits. */
function versionValue(digits: string, { versionFormat, timestampFormat }: EventSettings): number | string {
  const number = Number(digits);
  if (versionFormat === 'Timestamp') return formatMicroseconds(timestampFormat, number);
  return Number.isSafeInteger(number) ? number : digits;
}

function bounded(encoded: EncodedEvent, { maxBodyBytes }: EventSettings): Encoded {
  const { length } = encoded.body;
  if (length <= maxBodyBytes) return encoded;
  return invalid('body', `expected at most ${maxBodyBytes} bytes, got ${length}`);
}

function invalid(field: EncodedField, detail: string): Encoded {
  return { kind: 'Invalid', field, detail };
}
