import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Decoded, MalformedReason, OrderEvent } from '../../api/event.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import { anyEvent, anySettings } from './event-arbitraries.ts';
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
  versioned,
} from './event-tables.ts';

function decode(body: string | Uint8Array, use = settings, contentEncoding?: string): Decoded {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return eventDecoder(use)(bytes, { contentType: 'application/json', contentEncoding });
}

function decoded(body: string, use = settings): OrderEvent {
  const result = decode(body, use);
  assert.equal(result.kind, 'Event', JSON.stringify(result));
  return result.event;
}

describe('an event is read', () => {
  it('with the default field names', () => {
    const event = { orderId: 'o-1', status: 'PACKED', timestampMs: NOON, version: null };
    assert.deepEqual(decoded(json()), event);
  });

  it('with extra fields, one of them named __proto__, which are ignored', () => {
    const body = json({ extra: '[1,{"a":null}]', ['__proto__']: '{"orderId":"other","polluted":1}' });
    assert.equal(decoded(body).orderId, 'o-1');
    assert.equal('polluted' in {}, false);
  });

  it('behind a byte order mark', () => {
    assert.equal(decoded(`\ufeff${json()}`).orderId, 'o-1');
  });

  it('whatever content type and encoding its sender claims, if the bytes are JSON', () => {
    assert.equal(decode(json(), settings, 'gzip').kind, 'Event');
    const properties = { contentType: 'text/xml' };
    assert.equal(eventDecoder(settings)(Buffer.from(json()), properties).kind, 'Event');
  });

  it('with an extra field that is nested 20,000 levels deep', () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    assert.equal(decoded(json({ deep })).orderId, 'o-1');
  });

  it('from other places, by pointers with escapes and array positions', () => {
    const elsewhere = { ...settings, orderIdPointer: '/data/a~1b/0/~0id', statusPointer: '/data/state' };
    const body = '{"data":{"a/b":[{"~id":7}],"state":"NEW"},"timestamp":"2026-11-22T12:00:00Z"}';
    assert.deepEqual(decoded(body, elsewhere), {
      orderId: '7',
      status: 'NEW',
      timestampMs: NOON,
      version: null,
    });
  });

  it('when a name of the pointers stands in another object or in a value as well', () => {
    assert.equal(decoded(json({ nested: '{"orderId":"x","status":"orderId"}' })).orderId, 'o-1');
    assert.equal(decoded(json({ note: '"\\"orderId\\": {"' })).orderId, 'o-1');
  });

  it('with a status in any script', () => {
    for (const status of ['A', 'in Prüfung', '出荷済み', '🚚'.repeat(128)])
      assert.equal(decoded(json({ status: JSON.stringify(status) })).status, status);
  });
});

describe('the order id', () => {
  for (const [literal, id] of ORDER_IDS)
    it(`${literal.slice(0, 40)} is the order ${id.slice(0, 40)}`, () => {
      assert.equal(decoded(json({ orderId: literal })).orderId, id);
    });

  for (const literal of REFUSED_ORDER_IDS)
    it(`cannot be ${literal.slice(0, 40)}`, () => {
      const result = decode(json({ orderId: literal }));
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidOrderId');
      assert.equal(result.kind === 'Malformed' && result.field, '/orderId');
    });
});

describe('the version', () => {
  for (const [literal, version] of VERSIONS)
    it(`${literal} is ${version}`, () => {
      assert.equal(decoded(json({ version: literal }), versioned).version, version);
    });

  for (const literal of REFUSED_VERSIONS)
    it(`cannot be ${literal}`, () => {
      const result = decode(json({ version: literal }), versioned);
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidVersion');
    });

  it('is ignored when the policy has no version pointer', () => {
    assert.equal(decoded(json({ version: '"x"' })).version, null);
  });
});

describe('the timestamp', () => {
  for (const [timestampFormat, literal, milliseconds] of TIMESTAMPS)
    it(`${literal} in ${timestampFormat} is ${milliseconds}`, () => {
      assert.equal(
        decoded(json({ timestamp: literal }), { ...settings, timestampFormat }).timestampMs,
        milliseconds,
      );
    });

  for (const [timestampFormat, literal] of REFUSED_TIMESTAMPS)
    it(`cannot be ${literal.slice(0, 40)} in ${timestampFormat}`, () => {
      const result = decode(json({ timestamp: literal }), { ...settings, timestampFormat });
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidTimestamp');
    });
});

describe('a malformed event has the reason', () => {
  const nested = '['.repeat(100_000);
  const cases: (readonly [MalformedReason, string, string | Uint8Array])[] = [
    ['EmptyBody', 'no bytes', ''],
    ['InvalidJson', 'one byte', '{'],
    ['InvalidJson', 'only space', ' \n'],
    ['InvalidUtf8', 'Latin-1', Buffer.from(json({ status: '"é"' }), 'latin1')],
    ['InvalidUtf8', 'UTF-16', Buffer.from(`\ufeff${json()}`, 'utf16le')],
    ['InvalidUtf8', 'compressed', gzipSync(json())],
    ['NotAnObject', 'an array', `[${json()}]`],
    ['NotAnObject', 'null', 'null'],
    ['NotAnObject', 'a number', '42'],
    ['NotAnObject', 'a string', '"o-1"'],
    ['BodyTooLarge', 'above the limit', json({ extra: `"${'x'.repeat(65536)}"` })],
    ['BodyTooLarge', 'nested 100,000 levels', nested],
    ...MALFORMED,
  ];
  for (const [reason, situation, body] of cases)
    it(`${reason}: ${situation}`, () => {
      const result = decode(body);
      assert.equal(result.kind === 'Malformed' && result.reason, reason);
    });

  it('UnsupportedEncoding: compressed, and its sender says so', () => {
    const result = decode(gzipSync(json()), settings, 'gzip');
    assert.equal(result.kind === 'Malformed' && result.reason, 'UnsupportedEncoding');
  });

  it('MissingField: a policy with a version pointer, an event without version', () => {
    const result = decode(json(), versioned);
    assert.deepEqual(result.kind === 'Malformed' && [result.reason, result.field], [
      'MissingField',
      '/version',
    ]);
  });

  it('MissingField: a pointer to a property that every JavaScript object inherits', () => {
    const result = decode(json(), { ...settings, orderIdPointer: '/constructor/name' });
    assert.equal(result.kind === 'Malformed' && result.reason, 'MissingField');
  });

  it('InvalidJson: nested 100,000 levels beside a number that needs its exact digits', () => {
    const deep = `${nested}${']'.repeat(100_000)}`;
    const result = decode(json({ orderId: '9007199254740993', deep }), {
      ...settings,
      versionFormat: 'Integer',
      maxClockSkewSeconds: 60,
      maxBodyBytes: 1_000_000,
    });
    assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidJson');
  });

  it('and a detail without anything of the payload', () => {
    for (const name of ['orderId', 'status', 'timestamp']) {
      const result = decode(json({ [name]: '"secret\\nsecret"' }));
      assert.equal(result.kind, 'Malformed');
      assert.doesNotMatch(JSON.stringify(result), /secret/);
    }
  });
});

const anyCase = anySettings('JSON').chain((use) => anyEvent(use).map((event) => [use, event] as const));

describe('encoding', () => {
  it('then decoding gives the same event, for every format and every pointer', () => {
    fc.assert(
      fc.property(anyCase, ([use, event]) => {
        const encoded = eventEncoder(use)(event);
        assert.equal(encoded.kind, 'Encoded', JSON.stringify(encoded));
        assert.deepEqual(eventDecoder(use)(encoded.body, {}), { kind: 'Event', event });
      }),
    );
  });

  it('refuses what a worker would dead-letter, and names the field', () => {
    const good: OrderEvent = { orderId: 'o-1', status: 'PACKED', timestampMs: NOON, version: null };
    const faults: [Partial<OrderEvent>, string][] = [
      [{ orderId: 'a b' }, 'orderId'],
      [{ status: '' }, 'status'],
      [{ timestampMs: Number.NaN }, 'timestampMs'],
      [{ timestampMs: 0 }, 'timestampMs'],
      [{ version: '-1' }, 'version'],
    ];
    for (const [fault, field] of faults) {
      const encoded = eventEncoder(versioned)({ ...good, ...fault });
      assert.equal(encoded.kind === 'Invalid' && encoded.field, field);
    }
    const unpublished = eventEncoder(settings)({ ...good, version: '1' });
    assert.equal(unpublished.kind === 'Invalid' && unpublished.field, 'version');
  });

  it('is impossible when one pointer leads through another', () => {
    const colliding = { ...settings, orderIdPointer: '/order', statusPointer: '/order/status' };
    assert.throws(() => eventEncoder(colliding), /status/);
  });
});

describe('decoding never throws', () => {
  it('whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.match(decode(bytes, versioned).kind, /^(Event|Malformed)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('whatever the JSON, and however a good event is cut and spliced', () => {
    const body = json({ version: '9007199254740993' });
    const cut = fc.tuple(fc.nat(body.length), fc.nat(body.length), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.oneof(fc.json(), cut), (input) => {
        const text =
          typeof input === 'string' ? input : body.slice(0, input[0]) + input[2] + body.slice(input[1]);
        assert.match(decode(text, versioned).kind, /^(Event|Malformed)$/);
      }),
      { numRuns: 2000 },
    );
  });
});
