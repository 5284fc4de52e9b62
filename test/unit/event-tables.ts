import type { MalformedReason } from '../../api/event.ts';
import type { EventSettings } from '../../api/worker-config.ts';
import { EVENT_SETTINGS } from '../fixtures/worker-config.ts';

/** What is tested of the fields of an event, in every format. Literals are JSON texts. */

export const settings = EVENT_SETTINGS;
export const versioned: EventSettings = { ...settings, versionPointer: '/version' };
export const NOON = Date.UTC(2026, 10, 22, 12);

/** A good event with some JSON texts replaced; `undefined` leaves a field out. */
export function json(fields: Record<string, string | undefined> = {}): string {
  const good = { orderId: '"o-1"', status: '"PACKED"', timestamp: '"2026-11-22T12:00:00Z"' };
  const members = Object.entries({ ...good, ...fields }).filter(([, value]) => value !== undefined);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

export const ORDER_IDS: readonly (readonly [literal: string, id: string])[] = [
  ['1', '1'],
  ['"1"', '1'],
  ['9007199254740991', '9007199254740991'],
  ['9007199254740993', '9007199254740993'],
  ['123456789012345678901234567890', '123456789012345678901234567890'],
  ['"00012"', '00012'],
  ['"A.b_c/d@e+f=g~h-i"', 'A.b_c/d@e+f=g~h-i'],
  [`"${'x'.repeat(128)}"`, 'x'.repeat(128)],
];

export const REFUSED_ORDER_IDS: readonly string[] = [
  ...['""', '" "', '"a b"', '"a:b"', '"{a}"', '"a*"', '"a\\r\\n"', '"a\\n"', '"a\\u0000"', '"é"', '"-a"'],
  ...['null', 'true', '{}', '[]', '["a"]', '-1', '1.5', '1e400', '9007199254740993.5', '"shop:order:1"'],
  `"${'x'.repeat(129)}"`,
];

const digits = '1'.repeat(64);

export const VERSIONS: readonly (readonly [literal: string, version: string | null])[] = [
  ['7', '7'],
  ['"7"', '7'],
  ['"007"', '7'],
  ['0', '0'],
  ['"000"', '0'],
  ['9007199254740993', '9007199254740993'],
  [digits, digits],
  [`"${digits}"`, digits],
  ['null', null],
];

export const REFUSED_VERSIONS: readonly string[] = [
  ...['""', '"x"', '-1', '1.5', 'true', '[]', `${digits}1`, '1e400'],
];

type TimestampFormat = EventSettings['timestampFormat'];

export const TIMESTAMPS: readonly (readonly [TimestampFormat, literal: string, milliseconds: number])[] = [
  ['RFC3339', '"2026-11-22T12:00:00Z"', NOON],
  ['RFC3339', '"2026-11-22t14:30:00+02:30"', NOON],
  ['RFC3339', '"2026-11-21T23:00:00.5-13:00"', NOON + 500],
  ['RFC3339', '"2026-11-22T12:00:00.000125Z"', NOON + 0.125],
  ['RFC3339', '"2026-11-22T12:00:00.123456789Z"', NOON + 123.457],
  ['RFC3339', '"2028-02-29T00:00:00Z"', Date.UTC(2028, 1, 29)],
  ['RFC3339', '"2016-12-31T23:59:60Z"', Date.UTC(2017, 0, 1)],
  ['UnixSeconds', `${NOON / 1000}`, NOON],
  ['UnixSeconds', `${NOON / 1000}.25`, NOON + 250],
  ['UnixMilliseconds', `${NOON}`, NOON],
  ['UnixMilliseconds', `"${NOON}"`, NOON],
  ['UnixMicroseconds', `${NOON}001`, NOON + 0.001],
];

export const REFUSED_TIMESTAMPS: readonly (readonly [TimestampFormat, literal: string])[] = [
  ['RFC3339', '"2026-11-22T12:00:00"'],
  ['RFC3339', '"2026-11-22"'],
  ['RFC3339', '"2026-11-22 12:00:00Z"'],
  ['RFC3339', '"2026-02-29T12:00:00Z"'],
  ['RFC3339', '"2026-13-01T12:00:00Z"'],
  ['RFC3339', '"2026-00-01T12:00:00Z"'],
  ['RFC3339', '"2026-11-22T24:00:00Z"'],
  ['RFC3339', '"2026-11-22T12:00:00+24:00"'],
  ['RFC3339', '"0000-11-22T12:00:00Z"'],
  ['RFC3339', '"1999-12-31T23:59:59Z"'],
  ['RFC3339', '"2100-01-01T00:00:00Z"'],
  ['RFC3339', '"yesterday"'],
  ['RFC3339', `"2026-11-22T12:00:00.${'0'.repeat(100)}Z"`],
  ['RFC3339', `${NOON}`],
  ['RFC3339', 'null'],
  ['UnixSeconds', `${NOON}`],
  ['UnixMilliseconds', `${NOON / 1000}`],
  ['UnixMilliseconds', `${NOON}000`],
  ['UnixMicroseconds', `${NOON}`],
  ['UnixSeconds', '"2026-11-22T12:00:00Z"'],
  ['UnixSeconds', '1e400'],
  ['UnixSeconds', '"1e99"'],
  ['UnixSeconds', '"1e-99"'],
  ['UnixSeconds', '-1'],
  ['UnixSeconds', 'true'],
  ['UnixSeconds', '""'],
];

/** Events whose JSON is at fault, wherever the format puts it. */
export const MALFORMED: readonly (readonly [MalformedReason, situation: string, json: string])[] = [
  ['InvalidJson', 'truncated', json().slice(0, -2)],
  ['InvalidJson', 'two documents', json() + json()],
  ['InvalidJson', 'xml', '<order id="1"/>'],
  ['DuplicateField', 'two order ids', '{"orderId":"a","orderId":"b"}'],
  ['DuplicateField', 'two order ids, one spelled with an escape', '{"orderId":"a","order\\u0049d":"b"}'],
  ['MissingField', 'no order id', json({ orderId: undefined })],
  ['MissingField', 'no status', json({ status: undefined })],
  ['MissingField', 'no timestamp', json({ timestamp: undefined })],
  ['MissingField', 'an order id that is only inherited', json({ orderId: undefined, x: '1' })],
  ['InvalidStatus', 'an empty status', json({ status: '""' })],
  ['InvalidStatus', 'a status of 129 characters', json({ status: `"${'x'.repeat(129)}"` })],
  ['InvalidStatus', 'a status with a line break', json({ status: '"a\\nb"' })],
  ['InvalidStatus', 'a status with NUL', json({ status: '"\\u0000"' })],
  ['InvalidStatus', 'half a surrogate pair', json({ status: '"\\ud83d"' })],
  ['InvalidStatus', 'a number as status', json({ status: '1' })],
  ['InvalidStatus', 'null as status', json({ status: 'null' })],
];
