import type { EventWriter } from './event-encode.ts';
import type { PointerTokens, Tree } from './json-pointer.ts';
import { TRACEPARENT } from './traceparent.ts';

/** How CloudEvents are written. */
export interface CloudEventSettings {
  /** The context in which the change happened, a URI reference. Default: /orders. */
  readonly source?: string;
  /** Default: order.status.changed. */
  readonly type?: string;
  /** Structured: one JSON object. Binary: attributes as headers `cloudEvents_...`, data as body. Default: Structured. */
  readonly mode?: 'Structured' | 'Binary';
}

const SEPARATED = 'cloudEvents_';
const DATA_TYPE = 'application/json';

/**
 * Attributes that no pointer writes are added.
 *
 * @throws TypeError if binary mode cannot hold what a pointer writes
 */
export function cloudEventWriter(
  { source = '/orders', type = 'order.status.changed', mode = 'Structured' }: CloudEventSettings,
  pointers: readonly PointerTokens[],
): EventWriter {
  nonEmpty('source', source);
  nonEmpty('type', type);
  const context = { specversion: '1.0', source, type };
  if (mode === 'Structured') return structured(context);
  for (const [first, second] of pointers)
    if ((first === 'data') !== (second !== undefined))
      throw new TypeError('event: in binary mode a pointer leads into /data or to one attribute');
  return binary(context);
}

function nonEmpty(name: string, value: string): void {
  if (typeof value !== 'string' || value === '') throw new TypeError(`cloudEvents.${name}: expected a text`);
}

type Context = Readonly<Record<'specversion' | 'source' | 'type', string>>;

function attributes(context: Context, id: string, traceparent: string | undefined) {
  return { ...context, id, ...(traceparent !== undefined && { [TRACEPARENT]: traceparent }) };
}

function structured(context: Context): EventWriter {
  return (tree, id, traceparent) => {
    const event = { ...attributes(context, id, traceparent), datacontenttype: DATA_TYPE, ...tree };
    return {
      kind: 'Encoded',
      body: Buffer.from(JSON.stringify(event), 'utf8'),
      contentType: 'application/cloudevents+json; charset=utf-8',
      headers: traceparent === undefined ? {} : { [TRACEPARENT]: traceparent },
    };
  };
}

function binary(context: Context): EventWriter {
  return ({ data, ...own }: Tree, id, traceparent) => {
    const headers = Object.entries({ ...attributes(context, id, traceparent), ...own });
    return {
      kind: 'Encoded',
      body: Buffer.from(JSON.stringify(data ?? null), 'utf8'),
      contentType: DATA_TYPE,
      headers: {
        ...Object.fromEntries(
          headers.map(([name, value]) => [SEPARATED + name, value === null ? null : String(value)]),
        ),
        ...(traceparent !== undefined && { [TRACEPARENT]: traceparent }),
      },
    };
  };
}
