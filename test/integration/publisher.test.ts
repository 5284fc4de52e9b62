import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import { createPublisher, PublishError, type Publisher } from '../../publisher/index.ts';
import type { PublisherOptions } from '../../publisher/options.ts';
import { faultProxy, type TestVhost, testVhost } from '../servers/index.ts';
import { until } from './worker-process.ts';

interface Situation {
  readonly vhost: TestVhost;
  readonly channel: Channel;
  readonly publisher: (more?: Partial<PublisherOptions>) => Publisher;
  /** Everything in the queue, taken out. */
  readonly messages: () => Promise<ConsumeMessage[]>;
}

/** A topic exchange `mes` with a quorum queue `orders` for `mes.#`; publishers are closed after the test. */
async function situation(t: TestContext, queueArguments: Record<string, unknown> = {}): Promise<Situation> {
  const publishers: Publisher[] = [];
  t.after(() => Promise.all(publishers.map((publisher) => publisher.close())));
  const vhost = await testVhost(t);
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const arguments_ = { 'x-queue-type': 'quorum', ...queueArguments };
  await channel.assertQueue('orders', { durable: true, arguments: arguments_ });
  await channel.bindQueue('orders', 'mes', 'mes.#');
  return {
    vhost,
    channel,
    publisher: (more = {}) => {
      const options = { uri: vhost.amqpUri, exchange: 'mes', routingKey: 'mes.order.status' };
      const publisher = createPublisher({ ...options, timeoutMilliseconds: 60_000, ...more });
      publishers.push(publisher);
      return publisher;
    },
    messages: () => drain(channel),
  };
}

async function drain(channel: Channel): Promise<ConsumeMessage[]> {
  const { messageCount } = await channel.checkQueue('orders');
  const messages: ConsumeMessage[] = [];
  const { consumerTag } = await channel.consume('orders', (message) => message && messages.push(message), {
    noAck: true,
  });
  for (let seen = -1; messages.length !== seen || messages.length < messageCount; await sleep(150))
    seen = messages.length;
  await channel.cancel(consumerTag);
  return messages;
}

const change = { orderId: 'o-1', status: 'PACKED', timestamp: new Date('2026-11-22T12:00:00Z') };

async function failure(publishing: Promise<unknown>): Promise<PublishError> {
  try {
    await publishing;
  } catch (error) {
    assert.ok(error instanceof PublishError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'expected a PublishError, but the event was confirmed' });
}

describe('a published event', () => {
  it('is in the queue when publish resolves: persistent, with id, time and content type', async (t) => {
    const { publisher, channel } = await situation(t);
    const { messageId } = await publisher().publish(change);
    const message = await channel.get('orders', { noAck: true });
    assert.ok(message);
    const { properties, content } = message;
    assert.deepEqual(
      [properties.messageId, properties.deliveryMode, properties.timestamp, properties.contentType],
      [messageId, 2, Date.UTC(2026, 10, 22, 12) / 1000, 'application/json'],
    );
    assert.deepEqual(JSON.parse(content.toString()), { ...change, timestamp: '2026-11-22T12:00:00.000Z' });
  });

  it("keeps the caller's message id and routing key", async (t) => {
    const { publisher, channel } = await situation(t);
    const messageId = randomUUID();
    await publisher({ routingKey: 'nowhere' }).publish(change, { messageId, routingKey: 'mes.own' });
    const message = await channel.get('orders', { noAck: true });
    assert.ok(message);
    assert.deepEqual([message.properties.messageId, message.fields.routingKey], [messageId, 'mes.own']);
  });

  it('that no queue takes is Unroutable, and its neighbours are not', async (t) => {
    const { publisher } = await situation(t);
    const p = publisher();
    const [first, lost, last] = await Promise.allSettled([
      p.publish(change),
      p.publish(change, { routingKey: 'crm.order' }),
      p.publish(change),
    ]);
    assert.deepEqual([first.status, lost.status, last.status], ['fulfilled', 'rejected', 'fulfilled']);
    const error = await failure(p.publish(change, { routingKey: 'crm.order' }));
    assert.deepEqual([error.reason, error.mayHaveArrived], ['Unroutable', false]);
  });

  it('that no queue takes is confirmed when mandatory is off', async (t) => {
    const { publisher } = await situation(t);
    const receipt = await publisher({ mandatory: false }).publish(change, { routingKey: 'crm.order' });
    assert.match(receipt.messageId, /^[0-9a-f-]{36}$/);
  });

  it('is Refused when the queue is full, with the id to publish it again', async (t) => {
    const { publisher } = await situation(t, { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    const p = publisher();
    // The broker begins to refuse a moment after the queue is full.
    const error = await until('an event is refused', async () => {
      const result: unknown = await p.publish(change).catch((error: unknown) => error);
      return result instanceof PublishError && result;
    });
    assert.equal(error.reason, 'Refused');
    assert.match(String(error.messageId), /^[0-9a-f-]{36}$/);
  });

  it('is Refused when the exchange does not exist, and the text says so', async (t) => {
    const { publisher } = await situation(t);
    const error = await failure(publisher({ exchange: 'missing' }).publish(change));
    assert.equal(error.reason, 'Refused');
    assert.match(error.message, /no exchange 'missing'/);
  });

  it('is refused with the field before anything is sent, when a worker would dead-letter it', async (t) => {
    const { publisher, messages } = await situation(t);
    const error = await failure(publisher().publish({ ...change, orderId: 'a:b' }));
    assert.deepEqual([error.reason, error.field], ['Invalid', 'orderId']);
    assert.equal((await messages()).length, 0);
  });
});

describe('when the broker is in trouble', () => {
  it('and cuts the connection again and again, every confirmed event is in the queue', async (t) => {
    const { publisher, vhost, messages } = await situation(t);
    const uri = await vhost.addUser({ configure: '', write: '^mes$', read: '' });
    const p = publisher({ uri, maxInFlight: 100, timeoutMilliseconds: 30_000 });
    const ids: string[] = [];
    let cutting = true;
    const publishInTurn = async () => {
      while (cutting) ids.push((await p.publish(change)).messageId);
    };
    const publishing = Promise.all(Array.from({ length: 200 }, publishInTurn));
    for (const _ of [1, 2, 3]) {
      const before = ids.length;
      await Promise.race([publishing, until('events are confirmed', () => ids.length > before + 500)]);
      await vhost.management('DELETE', `connections/username/${new URL(uri).username}`);
    }
    cutting = false;
    await publishing;
    const arrived = new Set((await messages()).map(({ properties }) => properties.messageId));
    assert.deepEqual(
      ids.filter((id) => !arrived.has(id)),
      [],
    );
  });

  it('and is away, an event waits and is confirmed when it is back', async (t) => {
    const { publisher, vhost, messages } = await situation(t);
    const proxy = await faultProxy(t, vhost.amqpUri);
    await proxy.cut();
    const publishing = publisher({ uri: proxy.through(vhost.amqpUri) }).publish(change);
    await sleep(500);
    await proxy.pass();
    const { messageId } = await publishing;
    assert.deepEqual(
      (await messages()).map(({ properties }) => properties.messageId),
      [messageId],
    );
  });

  it('and stays away, an event is TimedOut and certainly has not arrived', async (t) => {
    const { publisher, vhost } = await situation(t);
    const proxy = await faultProxy(t, vhost.amqpUri);
    await proxy.cut();
    const p = publisher({ uri: proxy.through(vhost.amqpUri), timeoutMilliseconds: 2_000 });
    const error = await failure(p.publish(change));
    assert.deepEqual([error.reason, error.mayHaveArrived], ['TimedOut', false]);
    assert.match(error.message, /ECONNREFUSED/);
    assert.ok(!error.message.includes(`:${vhost.password}@`));
  });

  it('and its answer is swallowed, an event is TimedOut and may have arrived', async (t) => {
    const { publisher, vhost } = await situation(t);
    const proxy = await faultProxy(t, vhost.amqpUri);
    const p = publisher({ uri: proxy.through(vhost.amqpUri), timeoutMilliseconds: 4_000 });
    await p.publish(change);
    await proxy.blackHole();
    const error = await failure(p.publish(change));
    assert.deepEqual([error.reason, error.mayHaveArrived], ['TimedOut', true]);
    await proxy.pass();
  });

  it('and refuses the login, an event is TimedOut and the text says why without the password', async (t) => {
    const { publisher } = await situation(t);
    const error = await failure(
      publisher({ password: 'wrong-secret', timeoutMilliseconds: 5_000 }).publish(change),
    );
    assert.equal(error.reason, 'TimedOut');
    assert.match(error.message, /ACCESS.REFUSED/);
    assert.doesNotMatch(error.message, /wrong-secret/);
  });
});

describe('a publisher', () => {
  it('never has more unconfirmed events than maxInFlight', async (t) => {
    const { publisher, vhost, channel } = await situation(t);
    const proxy = await faultProxy(t, vhost.amqpUri);
    const p = publisher({ uri: proxy.through(vhost.amqpUri), maxInFlight: 7 });
    await p.publish(change);
    await proxy.delay(3_000);
    const all = Promise.all(Array.from({ length: 20 }, () => p.publish(change)));
    const arrived = async () => (await channel.checkQueue('orders')).messageCount;
    await until('the first have arrived', async () => (await arrived()) >= 1 + 7);
    // Their answers are on the way back for three seconds.
    await sleep(500);
    assert.equal(await arrived(), 1 + 7);
    await proxy.pass();
    await all;
    assert.equal((await channel.checkQueue('orders')).messageCount, 21);
  });

  it('confirms what is in flight before close resolves, and takes nothing after', async (t) => {
    const { publisher, channel } = await situation(t);
    const p = publisher();
    const publishing = Array.from({ length: 200 }, () => p.publish(change));
    await p.close();
    assert.equal((await Promise.all(publishing)).length, 200);
    assert.equal((await channel.checkQueue('orders')).messageCount, 200);
    assert.equal((await failure(p.publish(change))).reason, 'Closed');
  });

  it('may be closed twice, by two who do not know of each other', async (t) => {
    const { publisher } = await situation(t);
    const p = publisher();
    const publishing = p.publish(change);
    await Promise.all([p.close(), p.close()]);
    await publishing;
  });

  it('connects again, whatever the application does with what it is told', async (t) => {
    const { publisher, vhost } = await situation(t);
    const proxy = await faultProxy(t, vhost.amqpUri);
    const p = publisher({
      uri: proxy.through(vhost.amqpUri),
      onConnectionError: () => {
        throw new Error('a mistake of the application');
      },
    });
    await p.publish(change);
    await proxy.cut();
    await sleep(500);
    await proxy.pass();
    await p.publish(change);
  });
});
