import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import { microsecondsOf } from '../../api/event-timestamp.ts';
import type { EventSettings } from '../../api/worker-config.ts';
import { json, NOON, settings } from './event-tables.ts';

type Format = EventSettings['timestampFormat'];
const use = (timestampFormat: Format): EventSettings => ({
  ...settings,
  timestampFormat,
  versionPointer: '/version',
  versionFormat: 'Timestamp',
});
const TIME: Record<Format, string> = {
  RFC3339: '"2026-11-22T12:00:00Z"',
  UnixSeconds: `${NOON / 1000}`,
  UnixMilliseconds: `${NOON}`,
  UnixMicroseconds: `${NOON}000`,
};

function decode(timestampFormat: Format, version: string | undefined) {
  const body = json({ timestamp: TIME[timestampFormat], version });
  return eventDecoder(use(timestampFormat))(Buffer.from(body), {});
}

describe('a version that is a timestamp', () => {
  const read: [Format, literal: string, micros: string | null][] = [
    ['RFC3339', '"2026-11-22T12:00:00Z"', `${NOON}000`],
    ['RFC3339', '"2026-11-22T12:00:00.000001Z"', `${NOON}001`],
    ['RFC3339', '"2026-11-22T14:00:00.123456+02:00"', `${NOON + 123}456`],
    ['RFC3339', '"2026-11-22T12:00:00.123456789Z"', `${NOON + 123}457`],
    ['RFC3339', '"2026-11-22T12:00:00.1234565Z"', `${NOON + 123}456`],
    ['RFC3339', '"2026-11-22T12:00:00.1234575Z"', `${NOON + 123}458`],
    ['RFC3339', '"2026-11-22T12:00:00.9999999Z"', `${NOON + 1000}000`],
    ['RFC3339', '"2099-12-31T23:59:59.999999Z"', '4102444799999999'],
    ['RFC3339', 'null', null],
    ['UnixSeconds', `${NOON / 1000}`, `${NOON}000`],
    ['UnixSeconds', `${NOON / 1000}.123456`, `${NOON + 123}456`],
    ['UnixSeconds', `${NOON / 1000}.123456499`, `${NOON + 123}456`],
    ['UnixSeconds', `"${NOON / 1000}.123456501"`, `${NOON + 123}457`],
    ['UnixSeconds', '4102444799.999999', '4102444799999999'],
    ['UnixSeconds', '1.795348800123456E9', `${NOON + 123}456`],
    ['UnixSeconds', '17953488e2', `${NOON}000`],
    ['UnixMilliseconds', `${NOON}.001`, `${NOON}001`],
    ['UnixMilliseconds', `"${NOON}.9996"`, `${NOON + 1}000`],
    ['UnixMicroseconds', `${NOON}001`, `${NOON}001`],
    ['UnixMicroseconds', `"${NOON}001"`, `${NOON}001`],
    ['UnixMicroseconds', `${NOON}001.4`, `${NOON}001`],
  ];
  for (const [format, literal, micros] of read)
    it(`${literal} in ${format} is ${micros}`, () => {
      const result = decode(format, literal);
      assert.equal(result.kind === 'Event' ? result.event.version : result.reason, micros);
    });

  const refused: [Format, literal: string | undefined, reason: string][] = [
    ['RFC3339', undefined, 'MissingField'],
    ['RFC3339', '7', 'InvalidVersion'],
    ['RFC3339', `${NOON / 1000}.5`, 'InvalidVersion'],
    ['RFC3339', '"7"', 'InvalidVersion'],
    ['RFC3339', '"2026-11-22T12:00:00"', 'InvalidVersion'],
    ['RFC3339', '"infinity"', 'InvalidVersion'],
    ['RFC3339', '"2100-01-01T00:00:00Z"', 'InvalidVersion'],
    ['RFC3339', 'true', 'InvalidVersion'],
    ['UnixSeconds', `${NOON}`, 'InvalidVersion'],
    ['UnixSeconds', '1e400', 'InvalidVersion'],
    ['UnixSeconds', '-1.5', 'InvalidVersion'],
    ['UnixMilliseconds', `${NOON / 1000}`, 'InvalidVersion'],
    ['UnixMicroseconds', '"2026-11-22T12:00:00Z"', 'InvalidVersion'],
  ];
  for (const [format, literal, reason] of refused)
    it(`cannot be ${literal} in ${format}`, () => {
      const result = decode(format, literal);
      assert.deepEqual(result.kind === 'Malformed' && [result.reason, result.field], [reason, '/version']);
    });

  it('may be the timestamp itself: one field is read as both', () => {
    const same = { ...use('RFC3339'), versionPointer: '/timestamp' };
    const event = { orderId: 'o-1', status: 'NEW', timestampMs: NOON + 0.001, version: null };
    const encoded = eventEncoder(same)(event);
    assert.equal(encoded.kind, 'Encoded');
    const decoded = eventDecoder(same)(encoded.body, {});
    assert.deepEqual(decoded, { kind: 'Event', event: { ...event, version: `${NOON}001` } });
    assert.equal(eventEncoder(same)({ ...event, version: `${NOON}001` }).kind, 'Encoded');
    const contradicting = eventEncoder(same)({ ...event, version: `${NOON}002` });
    assert.equal(contradicting.kind === 'Invalid' && contradicting.field, 'version');
  });

  it('is not written from what is no microsecond of these years', () => {
    const event = { orderId: 'o-1', status: 'NEW', timestampMs: NOON };
    for (const version of ['7', `${NOON}`, '9'.repeat(64)]) {
      const encoded = eventEncoder(use('RFC3339'))({ ...event, version });
      assert.equal(encoded.kind === 'Invalid' && encoded.field, 'version');
    }
  });

  it("is what the event's timestamp gives in whole microseconds, without loss", () => {
    for (const micros of [946684800000001, NOON * 1000 + 123457, 4102444799999999])
      assert.equal(microsecondsOf(micros / 1000), micros);
  });
});

describe('the field names OrderID, status and timestamp', () => {
  for (const names of [
    ['OrderID', 'status', 'timestamp'],
    ['orderid', 'Status', 'Timestamp'],
    ['order_id', 'STATUS', 'TIMESTAMP'],
    ['Order ID', 'new status', 'time/stamp~'],
  ] as const)
    it(`are read by pointers, spelled ${names.join(', ')}`, () => {
      const [orderId, status, timestamp] = names;
      const [orderIdPointer, statusPointer, timestampPointer] = names.map(
        (name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      );
      const pointers = { ...settings, orderIdPointer, statusPointer, timestampPointer } as EventSettings;
      const body = JSON.stringify({ [orderId]: 17, [status]: 'NEW', [timestamp]: '2026-11-22T12:00:00Z' });
      const decoded = eventDecoder(pointers)(Buffer.from(body), {});
      const event = { orderId: '17', status: 'NEW', timestampMs: NOON, version: null };
      assert.deepEqual(decoded, { kind: 'Event', event });
    });
});
