import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { ConfirmedPublisher } from '../../worker/confirmed-publisher.ts';
import { rabbitmqCredentials } from '../../worker/credentials.ts';
import { RabbitMQConnection } from '../../worker/rabbitmq-connection.ts';
import { Subscription } from '../../worker/subscription.ts';
import { type Scope, testVhost } from '../servers/index.ts';
import { until } from './worker-process.ts';

const log = pino({ level: 'silent' });

/** A quorum queue `orders`, and a worker's connection. */
async function situation(scope: Scope) {
  const vhost = await testVhost(scope);
  const channel = await (await vhost.connect()).createConfirmChannel();
  await channel.assertQueue('orders', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  const credentials = rabbitmqCredentials({ uri: vhost.amqpUri });
  const connection = new RabbitMQConnection('test', () => credentials, log);
  connection.start();
  scope.after(() => connection.close());
  return { channel, connection };
}

test('a message whose properties cannot be written again is published without them', async (t) => {
  const { channel, connection } = await situation(t);
  const publisher = new ConfirmedPublisher(connection, log);
  const ownHeaders = { 'x-own': 'kept' };
  const message = { exchange: '', routingKey: 'orders', body: Buffer.from('x'), mandatory: true, ownHeaders };
  // 86 bytes that are no UTF-8 arrive as so many replacement characters, each of three bytes.
  const unreadable = { messageId: '\ufffd'.repeat(86) };
  const properties = [{ messageId: 'm1' }, unreadable, { timestamp: 2 ** 64 }];
  for (const each of properties) {
    const result = await publisher.publish({
      ...message,
      properties: each,
      headers: { ...ownHeaders, a: 1 },
    });
    assert.deepEqual(result, { kind: 'Confirmed' });
  }
  const ids: unknown[] = [];
  for (const _ of properties) {
    const found = await channel.get('orders', { noAck: true });
    assert.ok(found !== false);
    assert.equal(found.properties.headers?.['x-own'], 'kept');
    ids.push(found.properties.messageId);
  }
  assert.deepEqual(ids, ['m1', undefined, undefined]);
});

test('however often a subscription pauses, it never holds twice what it prefetches', async (t) => {
  const { channel, connection } = await situation(t);
  for (let i = 0; i < 60; i++) channel.sendToQueue('orders', Buffer.from('x'), { persistent: true });
  await channel.waitForConfirms();
  const subscription = new Subscription('orders', 10, connection, () => undefined, log);
  subscription.start();
  t.after(() => subscription.close());
  await until('the first messages are there', async () => subscription.inFlight === 10);
  for (let pauses = 0; pauses < 3; pauses++) {
    subscription.pause();
    await sleep(200);
    subscription.resume();
    await sleep(200);
  }
  assert.ok(subscription.inFlight < 20, `${subscription.inFlight} messages are held`);
});
