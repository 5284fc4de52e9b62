import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { BrokerFailure } from '../../operator/rabbitmq-failure.ts';
import { QueueGauge } from '../../operator/rabbitmq-queue-gauge.ts';
import { rabbitmqCredentials } from '../../worker/credentials.ts';
import { RabbitMQConnection } from '../../worker/rabbitmq-connection.ts';
import { closingBroker } from './closing-broker.ts';
import { credentialsFor } from './operator-policy.ts';
import { until } from './worker-process.ts';

test('a connection that the broker closes while it opens it is made again', async (t) => {
  const broker = await closingBroker(t);
  const credentials = rabbitmqCredentials({ uri: broker.uri });
  const connection = new RabbitMQConnection('test', () => credentials, pino({ level: 'silent' }));
  t.after(() => connection.close());
  connection.start();
  await until('it tried again', () => broker.connections() > 2);
  assert.equal(connection.connected, false);
});

test('the sampler goes on after a connection that the broker closed while it opened it', async (t) => {
  const broker = await closingBroker(t);
  const gauge = new QueueGauge(credentialsFor(broker.uri, 'http://a:b@127.0.0.1', 'orders'));
  t.after(() => gauge.close());
  await until('it tried again', async () => {
    await assert.rejects(gauge.depthOf('orders'), BrokerFailure);
    return broker.connections() > 2;
  });
});
