import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Decoded } from '../../api/event.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import { json, NOON, settings } from './event-tables.ts';

const defaults = { ...settings, format: 'DebeziumOutbox' as const };
const EVENT = { orderId: 'o-1', status: 'PACKED', timestampMs: NOON, version: null };
const READ = { kind: 'Event', event: EVENT };

function decode(body: string | Uint8Array, headers?: Record<string, unknown>, use = defaults): Decoded {
  return eventDecoder(use)(typeof body === 'string' ? Buffer.from(body) : body, { headers });
}

function reasonOf(result: Decoded): string {
  return result.kind === 'Malformed' ? result.reason : result.kind;
}

describe("an event of Debezium's outbox", () => {
  const withoutId = json({ orderId: undefined });

  it('takes the order id from the header that the router places it in', () => {
    const schema = { schema: { type: 'string', optional: false }, payload: 'o-1' };
    for (const orderId of ['"o-1"', JSON.stringify(schema), '{"schema":null,"payload":"o-1"}', 'o-1'])
      for (const value of [orderId, Buffer.from(orderId)])
        assert.deepEqual(decode(withoutId, { id: '"f1a9"', orderId: value }), READ, orderId);
  });

  it('takes a number in a header with all its digits', () => {
    for (const orderId of [
      '9007199254740993',
      '"9007199254740993"',
      '{"schema":null,"payload":9007199254740993}',
    ]) {
      const result = decode(withoutId, { orderId });
      assert.equal(result.kind === 'Event' && result.event.orderId, '9007199254740993', orderId);
    }
    assert.equal(reasonOf(decode(withoutId, { orderId: 9007199254740992 })), 'InvalidOrderId');
  });

  it('takes additional fields from the envelope, an object or a text beside them', () => {
    const inner = json({ orderId: undefined, status: '"INNER"' });
    const fields = '"orderId":"o-1","status":"PACKED"';
    assert.deepEqual(decode(`{"payload":${inner},${fields}}`), READ);
    assert.deepEqual(decode(`{"payload":${JSON.stringify(inner)},${fields}}`), READ);
    assert.deepEqual(decode(`{"schema":{},"payload":{"payload":${inner},${fields}}}`), READ);
  });

  it('can be read by pointers into the envelope', () => {
    const use = { ...defaults, statusPointer: '/payload/status' };
    for (const payload of [json(), JSON.stringify(json())])
      assert.deepEqual(decode(`{"payload":${payload},"status":"OTHER","orderId":"o-1"}`, {}, use), READ);
  });

  it('may have fields of its own that are called payload and schema', () => {
    for (const payload of ['"just a text"', '{"orderId":"other","status":"OTHER"}', '"{}"', '7', 'null'])
      for (const schema of ['"v2"', '{"type":"struct"}'])
        assert.deepEqual(decode(json({ payload, schema })), READ, payload);
  });

  it('prefers the payload to a header of the same name', () => {
    assert.deepEqual(decode(json(), { orderId: 'other', status: 'OTHER' }), READ);
  });

  it('is not encoded here: Debezium does that', () => {
    assert.throws(() => eventEncoder(defaults), /expected JSON or CloudEvents, got DebeziumOutbox/);
  });
});

describe("a malformed event of Debezium's outbox has the reason", () => {
  const text = JSON.stringify;
  const cases: [
    reason: string,
    situation: string,
    body: string | Uint8Array,
    headers?: Record<string, unknown>,
  ][] = [
    ['InvalidJson', "the sink's text for a tombstone", 'default'],
    ['NotAnObject', 'a tombstone', 'null'],
    ['NotAnObject', 'a payload that is null', '{"schema":{},"payload":null}'],
    ['NotAnObject', 'a payload that is a number', '{"schema":{},"payload":7}'],
    ['NotAnObject', 'a payload that is an array', `[${json()}]`],
    ['NotAnObject', 'a text that holds an array', text(`[${json()}]`)],
    ['NotAnObject', 'a text that holds a text', text(text(json()))],
    [
      'InvalidJson',
      'a payload in Base64, as of a bytea column',
      text(Buffer.from(json()).toString('base64')),
    ],
    ['InvalidJson', 'an empty text', '""'],
    ['EmptyBody', 'no bytes', ''],
    ['InvalidUtf8', 'Avro', Buffer.from([0, 255, 7])],
    ['DuplicateField', 'two payloads', `{"schema":{},"payload":${json()},"payload":{}}`],
    ['DuplicateField', 'a text with two order ids', text('{"orderId":"a","orderId":"b"}')],
    [
      'DuplicateField',
      'a text with two order ids, beside a field',
      `{"payload":${text('{"orderId":"a","orderId":"b"}')},"type":"x"}`,
    ],
    ['MissingField', 'a change event, without the router', '{"before":null,"after":{"id":"1"},"op":"c"}'],
    ['MissingField', 'no order id in payload or headers', json({ orderId: undefined }), { id: '"f1a9"' }],
    [
      'InvalidOrderId',
      'an order id in a header that is an object',
      json({ orderId: undefined }),
      { orderId: '{}' },
    ],
    [
      'InvalidOrderId',
      'an order id in a header with a line break',
      json({ orderId: undefined }),
      { orderId: 'a\r\n' },
    ],
    [
      'InvalidOrderId',
      'an order id in a header that is null',
      json({ orderId: undefined }),
      { orderId: null },
    ],
    [
      'MissingField',
      'an order id that headers inherit',
      json({ orderId: undefined }),
      Object.create({ orderId: 'a' }),
    ],
    ['BodyTooLarge', 'larger than the limit', text(' '.repeat(65536))],
  ];
  for (const [reason, situation, body, headers] of cases)
    it(`${reason}: ${situation}`, () => assert.equal(reasonOf(decode(body, headers)), reason));

  it('InvalidJson: a text nested 100,000 levels beside a number that needs its exact digits', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const use = { ...defaults, maxBodyBytes: 1_000_000 };
    assert.equal(reasonOf(decode(text(json({ orderId: '9007199254740993', deep })), {}, use)), 'InvalidJson');
  });

  it('MissingField: a version that was null, which Debezium drops when it expands a payload', () => {
    const use = { ...defaults, versionPointer: '/version' };
    assert.equal(reasonOf(decode(json(), {}, use)), 'MissingField');
  });
});
