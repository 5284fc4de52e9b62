import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { messageBuilder, type OrderChange } from '../../publisher/message.ts';
import { type PublisherOptions, publisherSettings } from '../../publisher/options.ts';
import { PublishError } from '../../publisher/publish-error.ts';

const options: PublisherOptions = {
  uri: 'amqp://localhost',
  exchange: 'mes',
  routingKey: 'mes.order.status',
};
const build = (change: OrderChange, more: Partial<PublisherOptions> = {}) =>
  messageBuilder(publisherSettings({ ...options, ...more }))(change, {});

describe('the options of a publisher', () => {
  it('take broker, user and virtual host from the URI, percent-decoded', () => {
    const { server } = publisherSettings({
      ...options,
      uri: 'amqps://us%40er:p%25w%23%C3%BC@[::1]/my%2Fhost',
    });
    assert.deepEqual(
      [server.protocol, server.hostname, server.port, server.username, server.password, server.vhost],
      ['amqps', '::1', 5671, 'us@er', 'p%w#ü', 'my/host'],
    );
  });

  it('prefer user and password of their own', () => {
    const { server } = publisherSettings({
      ...options,
      uri: 'amqp://a:b@localhost',
      username: 'c',
      password: 'd',
    });
    assert.deepEqual([server.username, server.password], ['c', 'd']);
  });

  const refused: [string, Partial<PublisherOptions>][] = [
    ['uri', { uri: 'http://user:hidden@localhost' }],
    ['uri', { uri: 'amqp://user:hid%den@localhost' }],
    ['uri', { uri: 'hidden' }],
    ['exchange', { exchange: 'x'.repeat(256) }],
    ['timeoutMilliseconds', { timeoutMilliseconds: Number.NaN }],
    ['timeoutMilliseconds', { timeoutMilliseconds: 0 }],
    ['maxInFlight', { maxInFlight: 1.5 }],
    ['heartbeatSeconds', { heartbeatSeconds: 0 }],
  ];
  for (const [name, fault] of refused)
    it(`are refused with the name ${name} and without the value for ${Object.values(fault)}`, () => {
      const error = thrown(() => publisherSettings({ ...options, ...fault }));
      assert.match(error.message, new RegExp(`^${name}: expected`));
      assert.doesNotMatch(error.message, /hid/);
    });
});

describe('a change becomes a message', () => {
  it('with a random id, its own time and the exact digits of its id', () => {
    const change = {
      orderId: 9007199254740993n,
      status: 'PACKED',
      timestamp: new Date('2026-11-22T12:00:00Z'),
    };
    const message = build(change);
    assert.match(message.messageId, /^[0-9a-f-]{36}$/);
    assert.notEqual(build(change).messageId, message.messageId);
    assert.equal(message.timestampSeconds, Date.UTC(2026, 10, 22, 12) / 1000);
    assert.deepEqual(JSON.parse(message.body.toString()), {
      orderId: '9007199254740993',
      status: 'PACKED',
      timestamp: '2026-11-22T12:00:00.000Z',
    });
  });

  it('with the routing key that a function makes of the event', () => {
    const routingKey = ({ status }: { status: string }) => `mes.order.${status.toLowerCase()}`;
    assert.equal(build({ orderId: 1, status: 'PACKED' }, { routingKey }).routingKey, 'mes.order.packed');
  });

  it('in the field names of the policy, with a version', () => {
    const event = { orderIdPointer: '/order/id', versionPointer: '/order/version' };
    const { body } = build({ orderId: 'a', status: 'NEW', version: 12 }, { event });
    assert.deepEqual(JSON.parse(body.toString()).order, { id: 'a', version: 12 });
  });

  it('as a CloudEvent, its id that of the message', () => {
    const change = { orderId: 'a', status: 'NEW', timestamp: new Date('2026-11-22T12:00:00Z') };
    const event = { format: 'CloudEvents' } as const;
    const structured = build(change, { event, cloudEvents: { source: '/mes' } });
    assert.equal(structured.contentType, 'application/cloudevents+json; charset=utf-8');
    const { id, source, subject, data } = JSON.parse(structured.body.toString());
    assert.deepEqual([id, source, subject, data.status], [structured.messageId, '/mes', 'a', 'NEW']);
    const binary = build(change, { event, cloudEvents: { mode: 'Binary' } });
    assert.deepEqual([binary.contentType, binary.body.toString()], ['application/json', '{"status":"NEW"}']);
    assert.deepEqual(binary.headers, {
      cloudEvents_specversion: '1.0',
      cloudEvents_id: binary.messageId,
      cloudEvents_source: '/orders',
      cloudEvents_type: 'order.status.changed',
      cloudEvents_subject: 'a',
      cloudEvents_time: '2026-11-22T12:00:00.000Z',
    });
  });

  it('with a version that is an instant, as RFC 3339 text or in microseconds', () => {
    const event = { versionPointer: '/version', versionFormat: 'Timestamp' } as const;
    for (const version of ['2026-11-22T13:00:00.123456+01:00', '1795348800123456', 1795348800123456n]) {
      const { body } = build({ orderId: 'a', status: 'NEW', version }, { event });
      assert.equal(JSON.parse(body.toString()).version, '2026-11-22T12:00:00.123456Z');
    }
  });

  it('with the trace of the change in a header', () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const builder = messageBuilder(publisherSettings(options));
    const change = { orderId: 'a', status: 'NEW' };
    assert.deepEqual(builder(change, { traceparent }).headers, { traceparent });
    const error = thrown(() => builder(change, { traceparent: 'x' }));
    assert.ok(error instanceof PublishError);
    assert.deepEqual([error.reason, error.field], ['Invalid', 'traceparent']);
  });

  it('never in the format that Debezium writes', () => {
    const error = thrown(() =>
      build({ orderId: 'a', status: 'NEW' }, { event: { format: 'DebeziumOutbox' } }),
    );
    assert.match(error.message, /^event\.format: expected JSON or CloudEvents/);
  });

  const faults: [string, OrderChange, Partial<PublisherOptions>?][] = [
    ['orderId', { orderId: 'no spaces', status: 'NEW' }],
    ['orderId', { orderId: 2 ** 53, status: 'NEW' }],
    ['status', { orderId: 'a', status: '' }],
    ['timestamp', { orderId: 'a', status: 'NEW', timestamp: Number.NaN }],
    ['version', { orderId: 'a', status: 'NEW', version: 1 }],
    ['routingKey', { orderId: 'a', status: 'NEW' }, { routingKey: 'x'.repeat(256) }],
    [
      'routingKey',
      { orderId: 'a', status: 'NEW' },
      {
        routingKey: () => {
          throw new Error('of the caller');
        },
      },
    ],
    [
      'version',
      { orderId: 'a', status: 'NEW', version: '2026-11-22' },
      { event: { versionPointer: '/version', versionFormat: 'Timestamp' } },
    ],
    ['body', { orderId: 'a', status: 'x'.repeat(100) }, { event: { maxBodyBytes: 100 } }],
  ];
  for (const [field, change, more] of faults)
    it(`unless ${field} is at fault, which is named: ${JSON.stringify(change.orderId, digits)}`, () => {
      const error = thrown(() => build(change, more));
      assert.ok(error instanceof PublishError);
      assert.deepEqual([error.reason, error.field, error.mayHaveArrived], ['Invalid', field, false]);
    });
});

function digits(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function thrown(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new assert.AssertionError({ message: 'expected an error to be thrown' });
}
