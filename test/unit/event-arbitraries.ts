import fc from 'fast-check';
import { ORDER_ID_PATTERN, type OrderEvent } from '../../api/event.ts';
import type { EventSettings } from '../../api/worker-config.ts';

/** Each pointer may go with each other one. */
export const anyPointers = fc.record({
  orderIdPointer: fc.constantFrom('/orderId', '/data/id', '/a~1b', '/__proto__/id'),
  statusPointer: fc.constantFrom('/status', '/data/status', '/~0'),
  timestampPointer: fc.constantFrom('/timestamp', '/data/meta/time'),
  versionPointer: fc.constantFrom('/version', '/data/version'),
});

/** Those that a CloudEvent in binary content mode can hold. */
export const binaryPointers = fc.record({
  orderIdPointer: fc.constantFrom('/subject', '/data/id', '/orderid'),
  statusPointer: fc.constantFrom('/data/status', '/data/new/status', '/status'),
  timestampPointer: fc.constantFrom('/time', '/data/time'),
  versionPointer: fc.constantFrom('/version', '/data/version'),
});

export function anySettings(
  format: EventSettings['format'],
  pointers: fc.Arbitrary<Partial<EventSettings>> = anyPointers,
): fc.Arbitrary<EventSettings> {
  const rest = fc.record({
    timestampFormat: fc.constantFrom('RFC3339', 'UnixSeconds', 'UnixMilliseconds', 'UnixMicroseconds'),
    versionFormat: fc.constantFrom('Integer', 'Timestamp'),
  });
  const defaults = { orderIdPointer: '/o', statusPointer: '/s', timestampPointer: '/t' };
  return fc.tuple(pointers, rest).map(([chosen, formats]) => ({
    format,
    ...defaults,
    ...chosen,
    ...formats,
    maxClockSkewSeconds: 60,
    maxBodyBytes: 65536,
  }));
}

const anyMicroseconds = fc.integer({
  min: Date.UTC(2000, 0, 1) * 1000,
  max: Date.UTC(2099, 0, 1) * 1000,
});

/** An event as these settings can hold it. */
export function anyEvent({ versionFormat }: Pick<EventSettings, 'versionFormat'>): fc.Arbitrary<OrderEvent> {
  const versions =
    versionFormat === 'Timestamp'
      ? anyMicroseconds.map(String)
      : fc.bigInt({ min: 0n, max: 10n ** 64n - 1n }).map(String);
  return fc.record(
    {
      orderId: fc.stringMatching(ORDER_ID_PATTERN),
      status: fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
        .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text)),
      timestampMs: anyMicroseconds.map((micros) => micros / 1000),
      version: fc.option(versions, { nil: null }),
    },
    { noNullPrototype: true },
  );
}
