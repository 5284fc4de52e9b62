import type { EventSettings } from './worker-config.ts';

export type TimestampFormat = EventSettings['timestampFormat'];

/**
 * The years that an event may come from. So narrow that a timestamp in the wrong unit falls outside: seconds read as
 * milliseconds are in 1970, milliseconds read as seconds in the year 57000. A double holds microseconds until 2109.
 */
const EARLIEST = Date.UTC(2000, 0, 1);
const LATEST = Date.UTC(2100, 0, 1);

/** Milliseconds since 1970 to the microsecond, undefined if it is no such timestamp or outside 2000 to 2099. */
export function parseTimestamp(format: TimestampFormat, value: unknown): number | undefined {
  const milliseconds = format === 'RFC3339' ? fromRfc3339(value) : fromUnix(value, format);
  if (milliseconds === undefined || !(milliseconds >= EARLIEST && milliseconds < LATEST)) return undefined;
  return toMicrosecond(milliseconds);
}

/** The same instant as the format writes it, to the microsecond. */
export function formatTimestamp(format: TimestampFormat, milliseconds: number): string | number {
  const exact = toMicrosecond(milliseconds);
  if (format === 'RFC3339') return toRfc3339(exact);
  if (format === 'UnixMicroseconds') return Math.round(exact * 1000);
  return format === 'UnixSeconds' ? exact / 1000 : exact;
}

export function describeTimestamp(format: TimestampFormat): string {
  return format === 'RFC3339'
    ? 'an RFC 3339 timestamp with an offset, in the years 2000 to 2099'
    : `a number of ${format.slice('Unix'.length).toLowerCase()} since 1970, in the years 2000 to 2099`;
}

const toMicrosecond = (milliseconds: number) => Math.round(milliseconds * 1000) / 1000;

type UnixFormat = Exclude<TimestampFormat, 'RFC3339'>;

/** Also as decimal text, which is how protobuf's JSON writes 64-bit numbers. */
function fromUnix(value: unknown, format: UnixFormat): number | undefined {
  if (typeof value === 'number') return inMilliseconds(value, format);
  return typeof value === 'string' && /^\d{1,16}(\.\d{1,9})?$/.test(value)
    ? inMilliseconds(Number(value), format)
    : undefined;
}

function inMilliseconds(value: number, format: UnixFormat): number {
  if (format === 'UnixSeconds') return value * 1000;
  return format === 'UnixMicroseconds' ? value / 1000 : value;
}

const shape = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** By position: three times as fast as Date.parse, and it refuses 30 February and a missing offset. */
function fromRfc3339(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > 64 || !shape.test(value)) return undefined;
  const year = twoDigits(value, 0) * 100 + twoDigits(value, 2);
  const month = twoDigits(value, 5);
  const day = twoDigits(value, 8);
  const hour = twoDigits(value, 11);
  const minute = twoDigits(value, 14);
  const second = twoDigits(value, 17);
  if (day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 60) return undefined;
  const offset = offsetMinutes(value);
  if (offset === undefined) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute - offset, second) + fraction(value);
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + (text.charCodeAt(at + 1) - 48);
}

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && !leap ? 28 : (DAYS[month - 1] ?? 0);
}

function fraction(text: string): number {
  if (text.charCodeAt(19) !== 46) return 0;
  let digit = 20;
  let scale = 100;
  let milliseconds = 0;
  for (; isDigit(text.charCodeAt(digit)); digit += 1, scale /= 10)
    milliseconds += (text.charCodeAt(digit) - 48) * scale;
  return milliseconds;
}

const isDigit = (code: number) => code >= 48 && code <= 57;

function offsetMinutes(text: string): number | undefined {
  const end = text.length;
  const last = text.charCodeAt(end - 1);
  if (last === 90 || last === 122) return 0;
  const hours = twoDigits(text, end - 5);
  const minutes = twoDigits(text, end - 2);
  if (hours > 23 || minutes > 59) return undefined;
  return (text[end - 6] === '-' ? -1 : 1) * (hours * 60 + minutes);
}

function toRfc3339(milliseconds: number): string {
  const whole = new Date(milliseconds).toISOString();
  const micros = Math.round(milliseconds * 1000) % 1000;
  return micros === 0 ? whole : `${whole.slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}
