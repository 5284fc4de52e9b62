import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Decoded, OrderEvent } from '../../api/event.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import type { EventSettings } from '../../api/worker-config.ts';
import { anyEvent, anySettings } from './event-arbitraries.ts';
import { ENVELOPES, type Envelope } from './event-envelopes.ts';
import {
  json,
  MALFORMED,
  NOON,
  ORDER_IDS,
  REFUSED_ORDER_IDS,
  REFUSED_TIMESTAMPS,
  REFUSED_VERSIONS,
  settings,
  TIMESTAMPS,
  VERSIONS,
} from './event-tables.ts';

/** The settings for an event in this envelope. */
function inside({ format, prefix }: Envelope, more: Partial<EventSettings> = {}): EventSettings {
  return {
    ...settings,
    format,
    orderIdPointer: `${prefix}/orderId`,
    statusPointer: `${prefix}/status`,
    timestampPointer: `${prefix}/timestamp`,
    ...more,
  };
}

function decode(envelope: Envelope, text: string, use = inside(envelope)): Decoded {
  const { body, properties } = envelope.wrap(text);
  return eventDecoder(use)(body, properties);
}

function decoded(envelope: Envelope, text: string, use = inside(envelope)): OrderEvent {
  const result = decode(envelope, text, use);
  assert.equal(result.kind, 'Event', JSON.stringify(result));
  return result.event;
}

function reasonOf(result: Decoded): string {
  return result.kind === 'Malformed' ? result.reason : result.kind;
}

for (const envelope of ENVELOPES) {
  const withVersion = inside(envelope, { versionPointer: `${envelope.prefix}/version` });

  describe(envelope.name, () => {
    it('is read', () => {
      const event = { orderId: 'o-1', status: 'PACKED', timestampMs: NOON, version: null };
      assert.deepEqual(decoded(envelope, json()), event);
    });

    it('is read with extra fields, one of them named __proto__, which are ignored', () => {
      const text = json({ extra: '[1,{"a":null}]', ['__proto__']: '{"orderId":"other","polluted":1}' });
      assert.equal(decoded(envelope, text).orderId, 'o-1');
      assert.equal('polluted' in {}, false);
    });

    for (const [literal, id] of ORDER_IDS)
      it(`with order id ${literal.slice(0, 40)} is of order ${id.slice(0, 40)}`, () => {
        assert.equal(decoded(envelope, json({ orderId: literal })).orderId, id);
      });

    for (const literal of REFUSED_ORDER_IDS)
      it(`cannot have the order id ${literal.slice(0, 40)}`, () => {
        assert.equal(reasonOf(decode(envelope, json({ orderId: literal }))), 'InvalidOrderId');
      });

    for (const [literal, version] of VERSIONS)
      it(`with version ${literal} has version ${version}`, () => {
        assert.equal(decoded(envelope, json({ version: literal }), withVersion).version, version);
      });

    for (const literal of REFUSED_VERSIONS)
      it(`cannot have the version ${literal}`, () => {
        assert.equal(reasonOf(decode(envelope, json({ version: literal }), withVersion)), 'InvalidVersion');
      });

    for (const [timestampFormat, literal, milliseconds] of TIMESTAMPS)
      it(`with timestamp ${literal} in ${timestampFormat} is of ${milliseconds}`, () => {
        const event = decoded(envelope, json({ timestamp: literal }), inside(envelope, { timestampFormat }));
        assert.equal(event.timestampMs, milliseconds);
      });

    for (const [timestampFormat, literal] of REFUSED_TIMESTAMPS)
      it(`cannot have the timestamp ${literal.slice(0, 40)} in ${timestampFormat}`, () => {
        const result = decode(envelope, json({ timestamp: literal }), inside(envelope, { timestampFormat }));
        assert.equal(reasonOf(result), 'InvalidTimestamp');
      });

    for (const [reason, situation, text] of MALFORMED)
      it(`is malformed for ${reason}: ${situation}`, () => {
        assert.equal(reasonOf(decode(envelope, text)), reason);
      });

    it('is malformed with a detail that shows nothing of the payload', () => {
      for (const name of ['orderId', 'status', 'timestamp']) {
        const result = decode(envelope, json({ [name]: '"secret\\nsecret"' }));
        assert.match(reasonOf(result), /^Invalid/);
        assert.doesNotMatch(JSON.stringify(result), /secret/);
      }
    });

    it('is malformed and never an exception, however it is cut, spliced or mislabelled', () => {
      const good = envelope.wrap(json({ version: '9007199254740993' }));
      const splice = fc.tuple(fc.nat(good.body.length), fc.nat(good.body.length), fc.uint8Array());
      const contentType = fc.constantFrom(undefined, '', 'text/xml', 'application/cloudevents+avro', '\0');
      fc.assert(
        fc.property(splice, contentType, ([start, end, bytes], type) => {
          const body = Buffer.concat([good.body.subarray(0, start), bytes, good.body.subarray(end)]);
          const result = eventDecoder(withVersion)(body, { ...good.properties, contentType: type });
          assert.match(result.kind, /^(Event|Malformed)$/);
        }),
        { numRuns: 200 },
      );
    });

    it('holds any event', () => {
      const pointers = fc.constant({});
      const anyCase = anySettings('JSON', pointers).chain((use) =>
        anyEvent(use).map((event) => [{ ...use, versionPointer: '/v' }, event] as const),
      );
      const { prefix, format } = envelope;
      fc.assert(
        fc.property(anyCase, ([use, event]) => {
          const encoded = eventEncoder(use)(event);
          assert.equal(encoded.kind, 'Encoded', JSON.stringify(encoded));
          const { body, properties } = envelope.wrap(encoded.body.toString());
          const outside = {
            ...use,
            format,
            orderIdPointer: `${prefix}/o`,
            statusPointer: `${prefix}/s`,
            timestampPointer: `${prefix}/t`,
            versionPointer: `${prefix}/v`,
          };
          assert.deepEqual(eventDecoder(outside)(body, properties), { kind: 'Event', event });
        }),
        { numRuns: 50 },
      );
    });
  });
}
