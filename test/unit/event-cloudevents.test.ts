import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { CloudEventSettings } from '../../api/cloud-event-encode.ts';
import type { Decoded } from '../../api/event.ts';
import type { BodyProperties } from '../../api/event-body.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import { DEFAULT_POINTERS, type EventSettings } from '../../api/worker-config.ts';
import { anyEvent, anyPointers, anySettings, binaryPointers } from './event-arbitraries.ts';
import { ATTRIBUTES, headersWith, structured } from './event-envelopes.ts';
import { json, NOON, settings } from './event-tables.ts';

const defaults: EventSettings = { ...settings, format: 'CloudEvents', ...DEFAULT_POINTERS.CloudEvents };
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const full = { ...ATTRIBUTES, subject: 'o-1', time: '2026-11-22T12:00:00Z' };
const EVENT = { orderId: 'o-1', status: 'PACKED', timestampMs: NOON, version: null };
const DATA = '{"status":"PACKED"}';
const STRUCTURED = { contentType: 'application/cloudevents+json' };

function decode(body: string | Uint8Array, properties: BodyProperties, use = defaults): Decoded {
  return eventDecoder(use)(typeof body === 'string' ? Buffer.from(body) : body, properties);
}

function assertMalformed(result: Decoded, reason: string, field?: string): void {
  assert.deepEqual(result.kind === 'Malformed' && [result.reason, result.field], [reason, field]);
}

describe('a CloudEvent', () => {
  it('is read by default from subject, time and the status in its data', () => {
    assert.deepEqual(decode(structured(DATA, full), STRUCTURED), { kind: 'Event', event: EVENT });
    const binary = { contentType: 'application/json', headers: headersWith('cloudEvents:', full) };
    assert.deepEqual(decode(DATA, binary), { kind: 'Event', event: EVENT });
  });

  it('is structured by its content type, though headers hold attributes too', () => {
    const properties = { ...STRUCTURED, headers: headersWith('ce-', { ...full, subject: 'other' }) };
    assert.deepEqual(decode(structured(DATA, full), properties), { kind: 'Event', event: EVENT });
  });

  it('is binary without the content type of CloudEvents if a header gives the version', () => {
    for (const contentType of [undefined, 'text/plain', 'application/vnd.shop+json']) {
      const result = decode(DATA, { contentType, headers: headersWith('ce-', full) });
      assert.deepEqual(result, { kind: 'Event', event: EVENT });
    }
  });

  it('carries its own trace, checked', () => {
    for (const [traceparent, expected] of [
      [TRACE, { ...EVENT, traceparent: TRACE }],
      ['no trace\r\n', EVENT],
      [7, EVENT],
    ]) {
      const attributes = { ...full, traceparent };
      const binary = { headers: headersWith('cloudEvents_', attributes) };
      assert.deepEqual(decode(structured(DATA, attributes), {}), { kind: 'Event', event: expected });
      assert.deepEqual(decode(DATA, binary), { kind: 'Event', event: expected });
    }
  });

  it('may have null for attributes that are not set, and any extension', () => {
    const attributes = { ...full, dataschema: null, shop: true, comexampleothervalue: 5 };
    assert.equal(decode(structured(DATA, attributes), {}).kind, 'Event');
  });

  it('without JSON in it is read if no pointer leads into the data', () => {
    const use = { ...defaults, statusPointer: '/status' };
    const attributes = { ...full, status: 'PACKED', datacontenttype: 'application/xml' };
    const xml = Buffer.from('<status>PACKED</status>');
    const encoded = { ...attributes, data_base64: xml.toString('base64') };
    for (const result of [
      decode(structured('"<status/>"', attributes), STRUCTURED, use),
      decode(JSON.stringify(encoded), STRUCTURED, use),
      decode(xml, { contentType: 'application/xml', headers: headersWith('ce-', attributes) }, use),
      decode('', { headers: headersWith('ce-', attributes) }, use),
    ])
      assert.deepEqual(result, { kind: 'Event', event: EVENT });
  });
});

describe('a header of a binary CloudEvent', () => {
  const binary = (attributes: object) => ({ headers: headersWith('ce-', { ...full, ...attributes }) });

  it('may be of a native type of AMQP', () => {
    const time = { '!': 'timestamp', value: NOON / 1000 };
    const result = decode(DATA, binary({ time, subject: 42, id: 7 }));
    assert.deepEqual(result, { kind: 'Event', event: { ...EVENT, orderId: '42' } });
  });

  it('that is an integer beyond 2^53 has lost digits, and is no order id and no version', () => {
    assertMalformed(decode(DATA, binary({ subject: 9007199254740992 })), 'InvalidOrderId', '/subject');
    const use = { ...defaults, versionPointer: '/version' };
    assertMalformed(decode(DATA, binary({ version: 9007199254740992 }), use), 'InvalidVersion', '/version');
    assert.equal(decode(DATA, binary({ version: 9007199254740991 }), use).kind, 'Event');
  });

  it('of another type is no attribute', () => {
    const huge = { '!': 'timestamp', value: 2 ** 64 };
    for (const time of [huge, { '!': 'decimal', value: { places: 0, digits: 1 } }, [1], {}])
      assertMalformed(decode(DATA, binary({ time })), 'MissingField', '/time');
  });

  it('may come twice, under two prefixes, with the same value only', () => {
    const headers = { ...headersWith('ce-', full), 'cloudEvents:subject': 'o-1' };
    assert.equal(decode(DATA, { headers }).kind, 'Event');
    const contradicting = { ...headers, 'cloudEvents:subject': 'o-2' };
    assertMalformed(decode(DATA, { headers: contradicting }), 'DuplicateField', '/subject');
  });

  it('cannot stand for the body, nor reach a prototype', () => {
    const attributes = { ...full, data: '{"status":"FORGED"}', data_base64: 'e30=', ['__proto__']: 'x' };
    const headers = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]),
    );
    assert.deepEqual(decode(DATA, { headers }), { kind: 'Event', event: EVENT });
  });
});

describe('no CloudEvent is', () => {
  const refused: [reason: string, field: string | undefined, situation: string, result: () => Decoded][] = [
    ['InvalidCloudEvent', '/specversion', 'plain JSON', () => decode(json(), {})],
    ...['specversion', 'id', 'source', 'type'].flatMap((name) =>
      [undefined, null, '', 7, {}].flatMap((value): typeof refused => {
        const attributes = { ...full, [name]: value };
        const given = JSON.stringify(value);
        const result = () => decode(structured(DATA, attributes), STRUCTURED);
        const headers = { ...headersWith('ce-', { ...full, [name]: value }), 'ce-specversion': '1.0' };
        const inHeader = () => decode(DATA, { headers });
        const structuredCase = [
          'InvalidCloudEvent',
          `/${name}`,
          `one with ${name} ${given}`,
          result,
        ] as const;
        // A number is fine in a header: its text is the attribute.
        return name === 'specversion' || value === 7
          ? [[...structuredCase]]
          : [
              [...structuredCase],
              ['InvalidCloudEvent', `/${name}`, `one with header ${name} ${given}`, inHeader],
            ];
      }),
    ),
    ...['0.3', '1.0.2', '2.0'].flatMap((specversion): typeof refused => [
      [
        'InvalidCloudEvent',
        '/specversion',
        `version ${specversion}`,
        () => decode(structured(DATA, { ...full, specversion }), STRUCTURED),
      ],
      [
        'InvalidCloudEvent',
        '/specversion',
        `version ${specversion} in a header`,
        () => decode(DATA, { headers: headersWith('ce-', { ...full, specversion }) }),
      ],
    ]),
    [
      'DuplicateField',
      undefined,
      'one with two versions of the specification',
      () => decode(`{"specversion":"0.3",${structured(DATA, full).slice(1)}`, {}),
    ],
    [
      'DuplicateField',
      undefined,
      'one with two data',
      () => decode(`{"data":{"status":"NEW"},${structured(DATA, full).slice(1)}`, {}),
    ],
    [
      'InvalidCloudEvent',
      '/data_base64',
      'one with data twice',
      () => decode(structured(DATA, { ...full, data_base64: 'e30=' }), {}),
    ],
    ...['not base64', 'e30', 'e30=\n', 7, {}].map((data_base64): (typeof refused)[number] => [
      'InvalidCloudEvent',
      '/data_base64',
      `one with the data ${JSON.stringify(data_base64)}`,
      () => decode(JSON.stringify({ ...full, data_base64 }), {}),
    ]),
    [
      'InvalidUtf8',
      '/data_base64',
      'one with encoded bytes that are not UTF-8',
      () => decode(JSON.stringify({ ...full, data_base64: '/w==' }), {}),
    ],
    ['MissingField', '/data/status', 'one without data', () => decode(JSON.stringify(full), {})],
    ...['"PACKED"', '7', 'null', '[{"status":"PACKED"}]', JSON.stringify(DATA)].map(
      (data): (typeof refused)[number] => [
        'MissingField',
        '/data/status',
        `one with the data ${data}`,
        () => decode(structured(data, full), {}),
      ],
    ),
    ...['application/cloudevents-batch+json', undefined].map((contentType): (typeof refused)[number] => [
      'BatchNotSupported',
      undefined,
      `a batch with content type ${contentType}`,
      () => decode(`[${structured(DATA, full)}]`, { contentType }),
    ]),
    ['BatchNotSupported', undefined, 'an empty batch', () => decode('[]', STRUCTURED)],
    ...['null', '42', '"x"'].map((body): (typeof refused)[number] => [
      'NotAnObject',
      undefined,
      body,
      () => decode(body, STRUCTURED),
    ]),
    ['EmptyBody', undefined, 'no bytes', () => decode('', STRUCTURED)],
    ['EmptyBody', undefined, 'headers alone', () => decode('', { headers: headersWith('ce-', full) })],
    [
      'UnsupportedEncoding',
      undefined,
      'Avro',
      () => decode(Buffer.from([0, 255, 7]), { contentType: 'application/cloudevents+avro' }),
    ],
    [
      'UnsupportedEncoding',
      undefined,
      'compressed',
      () => decode(gzipSync(DATA), { contentEncoding: 'gzip', headers: headersWith('ce-', full) }),
    ],
    [
      'BodyTooLarge',
      undefined,
      'larger than the limit',
      () => decode(structured(`"${'x'.repeat(65536)}"`, full), STRUCTURED),
    ],
    [
      'InvalidJson',
      undefined,
      'nested 100,000 levels',
      () =>
        decode(
          structured(`{"status":"X","deep":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, full).replace(
            '"subject":"o-1"',
            '"subject":9007199254740993',
          ),
          STRUCTURED,
          { ...defaults, maxBodyBytes: 1_000_000 },
        ),
    ],
  ];
  for (const [reason, field, situation, result] of refused)
    it(`${situation}: ${reason}`, () => assertMalformed(result(), reason, field));
});

describe('encoding a CloudEvent', () => {
  const modes: [CloudEventSettings, fc.Arbitrary<Partial<EventSettings>>][] = [
    [{}, anyPointers],
    [{ source: '/crm', type: 'com.example.changed' }, anyPointers],
    [{ mode: 'Binary' }, binaryPointers],
  ];
  for (const [cloudEvents, pointers] of modes)
    it(`with ${JSON.stringify(cloudEvents)} and then decoding it gives the same event and trace`, () => {
      const anyCase = anySettings('CloudEvents', pointers).chain((use) =>
        fc.tuple(fc.constant(use), anyEvent(use), fc.constantFrom({}, { traceparent: TRACE })),
      );
      fc.assert(
        fc.property(anyCase, ([use, fields, trace]) => {
          const event = { ...fields, ...trace };
          const encoded = eventEncoder(use, cloudEvents)(event, 'm-1');
          assert.equal(encoded.kind, 'Encoded', JSON.stringify(encoded));
          const decoded = eventDecoder(use)(encoded.body, encoded);
          assert.deepEqual(decoded, { kind: 'Event', event });
          assert.equal(encoded.headers.traceparent, event.traceparent);
        }),
      );
    });

  it('writes what the specification asks for', () => {
    const encode = eventEncoder(defaults, { source: '/mes', type: 'order.status.changed' });
    const encoded = encode({ ...EVENT, traceparent: TRACE }, '4711');
    assert.equal(encoded.kind, 'Encoded');
    assert.equal(encoded.contentType, 'application/cloudevents+json; charset=utf-8');
    assert.deepEqual(JSON.parse(encoded.body.toString()), {
      ...ATTRIBUTES,
      subject: 'o-1',
      time: '2026-11-22T12:00:00.000Z',
      datacontenttype: 'application/json',
      traceparent: TRACE,
      data: { status: 'PACKED' },
    });
  });

  it('refuses what a worker would not accept', () => {
    const encode = eventEncoder(defaults);
    const without = encode(EVENT);
    assert.equal(without.kind === 'Invalid' && without.field, 'id');
    const forged = encode({ ...EVENT, traceparent: 'x' }, 'm-1');
    assert.equal(forged.kind === 'Invalid' && forged.field, 'traceparent');
  });

  it('is impossible without a source, and in binary mode for a pointer into an attribute', () => {
    assert.throws(() => eventEncoder(defaults, { source: '' }), /cloudEvents\.source/);
    const nested = { ...defaults, statusPointer: '/status/new' };
    assert.throws(() => eventEncoder(nested, { mode: 'Binary' }), /binary mode/);
    assert.throws(() => eventEncoder({ ...defaults, statusPointer: '/data' }, { mode: 'Binary' }), /binary/);
  });
});
