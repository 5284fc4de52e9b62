import { isStatus, ORDER_ID_PATTERN, type OrderEvent, VERSION_PATTERN } from './event.ts';
import { describeTimestamp, formatTimestamp, parseTimestamp } from './event-timestamp.ts';
import { emptyTree, type PointerTokens, place, pointerTokens, type Tree } from './json-pointer.ts';
import type { EventSettings } from './worker-config.ts';

export const EVENT_CONTENT_TYPE = 'application/json';

export type Encoded =
  | { readonly kind: 'Encoded'; readonly body: Buffer }
  /** The event is not one that a worker would accept. */
  | { readonly kind: 'Invalid'; readonly field: keyof OrderEvent | 'body'; readonly detail: string };

export type EventEncoder = (event: OrderEvent) => Encoded;

/** Prepares the settings once. Throws TypeError if two pointers cannot both be written into one event. */
export function eventEncoder(settings: EventSettings): EventEncoder {
  const pointers = pointersOf(settings);
  const probe = emptyTree();
  for (const [name, tokens] of Object.entries(pointers))
    if (!place(probe, tokens, 0)) throw new TypeError(`the pointer of ${name} collides with another pointer`);
  return (event) => {
    const fault = faultOf(event, settings);
    return fault ?? bounded(write(event, settings, pointers), settings.maxBodyBytes);
  };
}

type Pointers = { readonly [K in keyof OrderEvent]?: PointerTokens };

function pointersOf(settings: EventSettings): Pointers {
  const { versionPointer } = settings;
  return {
    orderId: pointerTokens(settings.orderIdPointer),
    status: pointerTokens(settings.statusPointer),
    timestampMs: pointerTokens(settings.timestampPointer),
    ...(versionPointer === undefined ? {} : { version: pointerTokens(versionPointer) }),
  };
}

function faultOf(event: OrderEvent, settings: EventSettings): Encoded | undefined {
  if (typeof event.orderId !== 'string' || !ORDER_ID_PATTERN.test(event.orderId))
    return invalid('orderId', `expected a string that matches ${ORDER_ID_PATTERN.source}`);
  if (typeof event.status !== 'string' || !isStatus(event.status))
    return invalid('status', 'expected a string of 1 to 128 characters without control characters');
  if (parseTimestamp('UnixMilliseconds', event.timestampMs) === undefined)
    return invalid('timestampMs', `expected ${describeTimestamp('UnixMilliseconds')}`);
  return event.version === null ? undefined : versionFault(event.version, settings);
}

function versionFault(version: string, settings: EventSettings): Encoded | undefined {
  if (typeof version !== 'string' || !VERSION_PATTERN.test(version))
    return invalid('version', 'expected a string of 1 to 64 decimal digits, or null');
  return settings.versionPointer === undefined
    ? invalid('version', 'expected null, because the event settings have no versionPointer')
    : undefined;
}

function write(event: OrderEvent, settings: EventSettings, pointers: Pointers): Tree {
  const values = {
    orderId: event.orderId,
    status: event.status,
    timestampMs: formatTimestamp(settings.timestampFormat, event.timestampMs),
    version: event.version === null ? null : numberIfExact(event.version),
  };
  const tree = emptyTree();
  for (const name of ['orderId', 'status', 'timestampMs', 'version'] as const) {
    const tokens = pointers[name];
    if (tokens !== undefined) place(tree, tokens, values[name]);
  }
  return tree;
}

/** As text where a consumer that reads numbers as doubles would lose digits. */
function numberIfExact(digits: string): number | string {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : digits;
}

function bounded(tree: Tree, maxBodyBytes: number): Encoded {
  const body = Buffer.from(JSON.stringify(tree), 'utf8');
  if (body.length <= maxBodyBytes) return { kind: 'Encoded', body };
  return invalid('body', `expected at most ${maxBodyBytes} bytes, got ${body.length}`);
}

function invalid(field: keyof OrderEvent | 'body', detail: string): Encoded {
  return { kind: 'Invalid', field, detail };
}
