import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Decoded, MalformedReason, OrderEvent } from '../../api/event.ts';
import { ORDER_ID_PATTERN } from '../../api/event.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import type { EventSettings } from '../../api/worker-config.ts';

const settings: EventSettings = {
  format: 'JSON',
  orderIdPointer: '/orderId',
  statusPointer: '/status',
  timestampPointer: '/timestamp',
  timestampFormat: 'RFC3339',
  versionFormat: 'Integer',
  maxClockSkewSeconds: 60,
  maxBodyBytes: 65536,
};
const versioned: EventSettings = { ...settings, versionPointer: '/version' };
const NOON = Date.UTC(2026, 10, 22, 12);

function decode(body: string | Uint8Array, use = settings, contentEncoding?: string): Decoded {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return eventDecoder(use)(bytes, { contentType: 'application/json', contentEncoding });
}

function decoded(body: string, use = settings): OrderEvent {
  const result = decode(body, use);
  assert.equal(result.kind, 'Event', JSON.stringify(result));
  return result.event;
}

/** A good event with some JSON texts replaced; `undefined` leaves a field out. */
function json(fields: Record<string, string | undefined> = {}): string {
  const good = { orderId: '"o-1"', status: '"PACKED"', timestamp: '"2026-11-22T12:00:00Z"' };
  const members = Object.entries({ ...good, ...fields }).filter(([, value]) => value !== undefined);
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
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
  const same: [string, string][] = [
    ['1', '1'],
    ['"1"', '1'],
    ['9007199254740991', '9007199254740991'],
    ['9007199254740993', '9007199254740993'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
    ['"00012"', '00012'],
    ['"A.b_c/d@e+f=g~h-i"', 'A.b_c/d@e+f=g~h-i'],
    [`"${'x'.repeat(128)}"`, 'x'.repeat(128)],
  ];
  for (const [literal, id] of same)
    it(`${literal.slice(0, 40)} is the order ${id.slice(0, 40)}`, () => {
      assert.equal(decoded(json({ orderId: literal })).orderId, id);
    });

  const refused = [
    ...['""', '" "', '"a b"', '"a:b"', '"{a}"', '"a*"', '"a\\r\\n"', '"a\\n"', '"a\\u0000"', '"é"', '"-a"'],
    ...['null', 'true', '{}', '[]', '["a"]', '-1', '1.5', '1e400', '9007199254740993.5', '"shop:order:1"'],
    `"${'x'.repeat(129)}"`,
  ];
  for (const literal of refused)
    it(`cannot be ${literal.slice(0, 40)}`, () => {
      const result = decode(json({ orderId: literal }));
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidOrderId');
      assert.equal(result.kind === 'Malformed' && result.field, '/orderId');
    });
});

describe('the version', () => {
  const digits = '1'.repeat(64);
  for (const [literal, version] of [
    ['7', '7'],
    ['"7"', '7'],
    ['"007"', '7'],
    ['0', '0'],
    ['"000"', '0'],
    ['9007199254740993', '9007199254740993'],
    [digits, digits],
    [`"${digits}"`, digits],
    ['null', null],
  ] as const)
    it(`${literal} is ${version}`, () => {
      assert.equal(decoded(json({ version: literal }), versioned).version, version);
    });

  for (const literal of ['""', '"x"', '-1', '1.5', 'true', '[]', `${digits}1`, '1e400'])
    it(`cannot be ${literal}`, () => {
      const result = decode(json({ version: literal }), versioned);
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidVersion');
    });

  it('is ignored when the policy has no version pointer', () => {
    assert.equal(decoded(json({ version: '"x"' })).version, null);
  });
});

describe('the timestamp', () => {
  const read: [EventSettings['timestampFormat'], string, number][] = [
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
  for (const [timestampFormat, literal, milliseconds] of read)
    it(`${literal} in ${timestampFormat} is ${milliseconds}`, () => {
      assert.equal(
        decoded(json({ timestamp: literal }), { ...settings, timestampFormat }).timestampMs,
        milliseconds,
      );
    });

  const refused: [EventSettings['timestampFormat'], string][] = [
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
    ['UnixSeconds', '-1'],
    ['UnixSeconds', 'true'],
    ['UnixSeconds', '""'],
  ];
  for (const [timestampFormat, literal] of refused)
    it(`cannot be ${literal.slice(0, 40)} in ${timestampFormat}`, () => {
      const result = decode(json({ timestamp: literal }), { ...settings, timestampFormat });
      assert.equal(result.kind === 'Malformed' && result.reason, 'InvalidTimestamp');
    });
});

describe('a malformed event has the reason', () => {
  const nested = '['.repeat(100_000);
  const cases: [MalformedReason, string, string | Uint8Array][] = [
    ['EmptyBody', 'no bytes', ''],
    ['InvalidJson', 'one byte', '{'],
    ['InvalidJson', 'only space', ' \n'],
    ['InvalidJson', 'truncated', json().slice(0, -2)],
    ['InvalidJson', 'two documents', json() + json()],
    ['InvalidJson', 'xml', '<order id="1"/>'],
    ['InvalidUtf8', 'Latin-1', Buffer.from(json({ status: '"é"' }), 'latin1')],
    ['InvalidUtf8', 'UTF-16', Buffer.from(`\ufeff${json()}`, 'utf16le')],
    ['InvalidUtf8', 'compressed', gzipSync(json())],
    ['NotAnObject', 'an array', `[${json()}]`],
    ['NotAnObject', 'null', 'null'],
    ['NotAnObject', 'a number', '42'],
    ['NotAnObject', 'a string', '"o-1"'],
    ['BodyTooLarge', 'above the limit', json({ extra: `"${'x'.repeat(65536)}"` })],
    ['BodyTooLarge', 'nested 100,000 levels', nested],
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

const anySettings: fc.Arbitrary<EventSettings> = fc.record({
  format: fc.constant('JSON' as const),
  orderIdPointer: fc.constantFrom('/orderId', '/data/id', '/a~1b', '/__proto__/id'),
  statusPointer: fc.constantFrom('/status', '/data/status', '/~0'),
  timestampPointer: fc.constantFrom('/timestamp', '/data/meta/time'),
  timestampFormat: fc.constantFrom('RFC3339', 'UnixSeconds', 'UnixMilliseconds', 'UnixMicroseconds'),
  versionPointer: fc.constantFrom('/version', '/data/version'),
  versionFormat: fc.constant('Integer' as const),
  maxClockSkewSeconds: fc.constant(60),
  maxBodyBytes: fc.constant(65536),
});

const anyEvent: fc.Arbitrary<OrderEvent> = fc.record(
  {
    orderId: fc.stringMatching(ORDER_ID_PATTERN),
    status: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text)),
    timestampMs: fc
      .integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2099, 0, 1) })
      .chain((ms) => fc.integer({ min: 0, max: 999 }).map((micros) => (ms * 1000 + micros) / 1000)),
    version: fc.option(
      fc.bigInt({ min: 0n, max: 10n ** 64n - 1n }).map((number) => number.toString()),
      { nil: null },
    ),
  },
  { noNullPrototype: true },
);

describe('encoding', () => {
  it('then decoding gives the same event, for every format and every pointer', () => {
    fc.assert(
      fc.property(anySettings, anyEvent, (use, event) => {
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
