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
