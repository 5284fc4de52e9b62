import { malformed, type OrderEvent } from '../api/event.ts';
import type { EventDecoder } from '../api/event-decode.ts';
import type { EventSettings, WorkerConfig } from '../api/worker-config.ts';
import { compareVersions } from '../cache/record.ts';

/**
 * Which of two events of an order is the newer one, where the worker writes the row. Version: the higher version; the
 * first one stays where two are equal. Timestamp: the later time, and of two at the same time the greater status, so
 * that all workers come to the same row whatever the order of arrival.
 */
export type WriteOrder = 'Version' | 'Timestamp';

/** Undefined: initiators write the row. */
export function writeOrder({
  database,
  event,
}: Pick<WorkerConfig, 'database' | 'event'>): WriteOrder | undefined {
  if (database?.writer !== 'Worker') return undefined;
  return event.versionPointer === undefined || event.versionFormat === 'Timestamp' ? 'Timestamp' : 'Version';
}

/**
 * Where the worker writes the row every event has a version: its own, or its time in microseconds. One that is further
 * ahead of our clock than is declared would keep every later change of its order from being written.
 *
 * @param now milliseconds since 1970
 */
export function orderedEvents(decode: EventDecoder, config: WorkerConfig, now: () => number): EventDecoder {
  const order = writeOrder(config);
  if (order === undefined) return decode;
  const { event: settings } = config;
  return (body, properties) => {
    const decoded = decode(body, properties);
    if (decoded.kind === 'Malformed') return decoded;
    const version = versionOf(decoded.event, settings);
    if (version === null) return versionless(settings);
    if (order === 'Timestamp' && isAhead(version, settings, now())) return ahead(settings);
    return { kind: 'Event', event: { ...decoded.event, version } };
  };
}

function versionOf({ version, timestampMs }: OrderEvent, { versionPointer }: EventSettings): string | null {
  return versionPointer === undefined ? String(Math.round(timestampMs * 1000)) : version;
}

function isAhead(micros: string, { maxClockSkewSeconds }: EventSettings, now: number): boolean {
  return compareVersions(micros, String(Math.floor(now + maxClockSkewSeconds * 1000) * 1000)) > 0;
}

function versionless({ versionPointer }: EventSettings) {
  const detail = 'expected a version, which decides whether the row is written, got null';
  return malformed('InvalidVersion', detail, versionPointer);
}

function ahead({ versionPointer, timestampPointer, maxClockSkewSeconds }: EventSettings) {
  const detail = `expected a time at most ${maxClockSkewSeconds} s ahead of the worker's clock, got a later one`;
  return malformed('TimestampAhead', detail, versionPointer ?? timestampPointer);
}

/** What an event says of the row. */
export type Change = Pick<OrderEvent, 'orderId' | 'status' | 'version'>;

/** What the row is to show after all of these: at least one, of one order, in the order of delivery. */
export function newest(events: readonly Change[], order: WriteOrder): Change {
  return events.reduce((best, event) => (isNewer(event, best, order) ? event : best));
}

function isNewer(event: Change, than: Change, order: WriteOrder): boolean {
  const difference = compareVersions(event.version ?? '0', than.version ?? '0');
  if (difference !== 0 || order === 'Version') return difference > 0;
  // By bytes, as the database compares them with COLLATE "C".
  return Buffer.compare(Buffer.from(event.status), Buffer.from(than.status)) > 0;
}
