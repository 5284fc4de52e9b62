import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Completions } from '../../worker/completions.ts';
import { rabbitmqCredentials } from '../../worker/credentials.ts';
import type { Delivery } from '../../worker/delivery.ts';
import { RabbitMQConnection } from '../../worker/rabbitmq-connection.ts';
import { Subscription } from '../../worker/subscription.ts';
import { faultProxy, type Scope, testVhost } from '../servers/index.ts';
import { until } from './worker-process.ts';

const log = pino({ level: 'silent' });
const QUEUE = 'orders';

/** A queue with so many messages, and a subscription whose connection can be cut. */
async function situation(scope: Scope, messages: number) {
  const vhost = await testVhost(scope);
  const channel = await (await vhost.connect()).createConfirmChannel();
  await channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  for (let i = 0; i < messages; i += 1)
    channel.sendToQueue(QUEUE, Buffer.from(`m${i}`), { persistent: true });
  await channel.waitForConfirms();
  const proxy = await faultProxy(scope, vhost.amqpUri);
  const credentials = rabbitmqCredentials({ uri: proxy.through(vhost.amqpUri) });
  const connection = new RabbitMQConnection('test', () => credentials, log);
  const deliveries: Delivery[] = [];
  const subscription = new Subscription(QUEUE, 10, connection, (each) => deliveries.push(each), log);
  connection.start();
  subscription.start();
  const close = async () => {
    await subscription.close();
    await connection.close();
  };
  scope.after(close);
  const depth = async () => (await channel.checkQueue(QUEUE)).messageCount;
  return { proxy, deliveries, close, depth };
}

test('what a cut channel delivered acknowledges nothing on the next one, whose tags are the same', async (t) => {
  const { proxy, deliveries, close, depth } = await situation(t, 5);
  const completions = new Completions(false, () => undefined);
  await until('all are delivered', () => deliveries.length === 5);
  const old = deliveries.splice(0);
  proxy.reset();
  await until('all are delivered again', () => deliveries.length === 5, 20_000);
  assert.deepEqual(
    deliveries.map(({ tag }) => tag),
    old.map(({ tag }) => tag),
  );
  for (const delivery of old) completions.finish(delivery, 'updated');
  completions.flush();
  await close();
  await until('none was acknowledged', async () => (await depth()) === 5);
});
