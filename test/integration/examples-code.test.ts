import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { changeStatus, mesPublisher } from '../../docs/examples/order-change.ts';
import { changeStatusVisibly } from '../../docs/examples/order-change-visible.ts';
import { changeStatus as changeStatusInOutbox, startRelay } from '../../docs/examples/order-outbox.ts';
import { orderStatuses } from '../../docs/examples/order-status.ts';
import { createPublisher, outboxSql } from '../../publisher/index.ts';
import { testDatabase, testRedis, testVhost } from '../servers/index.ts';
import {
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

test('docs/examples/order-status.ts reads an order, and knows one that does not exist', async (t) => {
  const [redis, database] = [await testRedis(t), await testDatabase(t)];
  await database.pool.query("INSERT INTO orders VALUES ('A-1', 'SHIPPED', 3)");
  const statuses = orderStatuses({ redis: redis.uri, database: database.uri }, redis.keyPrefix);
  const found = await statuses.of('A-1');
  const missing = await statuses.of('A-2');
  const both = await statuses.ofAll(['A-1', 'A-2']);
  await statuses.close();
  assert.deepEqual(found, { status: 'SHIPPED', version: '3', from: 'database' });
  assert.equal(missing, null);
  assert.deepEqual(
    both.orders,
    new Map([
      ['A-1', found],
      ['A-2', null],
    ]),
  );
  assert.equal(both.failures.size, 0);
});

test('docs/examples/order-change.ts changes the row and publishes the event with its routing key', async (t) => {
  const [vhost, database] = [await testVhost(t), await testDatabase(t)];
  await database.pool.query("INSERT INTO orders VALUES ('A-1', 'RELEASED', 3)");
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const { queue } = await channel.assertQueue('seen');
  await channel.bindQueue(queue, 'mes', 'mes.order.status.#');

  const publisher = mesPublisher(vhost.amqpUri);
  await changeStatus(database.pool, publisher, 'A-1', 'PRODUCED');
  await publisher.close();

  const message = await channel.get(queue, { noAck: true });
  const { rows } = await database.pool.query('SELECT status, version::text FROM orders');
  assert.deepEqual(rows, [{ status: 'PRODUCED', version: '4' }]);
  assert.ok(message);
  assert.equal(message.fields.routingKey, 'mes.order.status.PRODUCED');
  assert.equal(JSON.parse(message.content.toString()).status, 'PRODUCED');
});

test('docs/examples/order-change-visible.ts knows whether readers see the change', async (t) => {
  const stage = await setStage(t, { confirmation: { routingKey: '', replyTo: true } });
  await writeRow(stage, 'A-1', 'PAID', 1);
  await writeRecord(stage, 'A-1', 'PAID', 1);
  const publisher = createPublisher({ uri: stage.vhost.amqpUri, exchange: '', routingKey: 'orders' });
  t.after(() => publisher.close());
  const change = (status: string) => changeStatusVisibly(stage.database.pool, publisher, 'A-1', status);

  assert.equal(await change('PACKED'), false);
  assert.equal(await statusInCache(stage, 'A-1'), 'PAID');
  await untilAcknowledged(await startConsuming(t, stage), 1, 30_000);
  assert.equal(await change('SHIPPED'), true);
  assert.equal(await statusInCache(stage, 'A-1'), 'SHIPPED');
});

test('docs/examples/order-outbox.ts changes the row and its event is published, whenever the relay runs', async (t) => {
  const [vhost, database] = [await testVhost(t), await testDatabase(t)];
  await database.pool.query(outboxSql());
  await database.pool.query("INSERT INTO orders VALUES ('A-1', 'RELEASED', 3)");
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const { queue } = await channel.assertQueue('seen');
  await channel.bindQueue(queue, 'mes', 'mes.order.status.#');

  await changeStatusInOutbox(database.pool, 'A-1', 'PRODUCED');
  await assert.rejects(changeStatusInOutbox(database.pool, 'A-1', ''), { reason: 'Invalid' });
  const relay = startRelay({ database: database.uri, rabbitmq: vhost.amqpUri });
  const deadline = Date.now() + 60_000;
  while (relay.status().published === 0 && Date.now() < deadline) await sleep(20);
  await relay.close();

  const message = await channel.get(queue, { noAck: true });
  const { rows } = await database.pool.query('SELECT status, version::text FROM orders');
  assert.deepEqual(rows, [{ status: 'PRODUCED', version: '4' }]);
  assert.ok(message);
  assert.equal(message.fields.routingKey, 'mes.order.status.PRODUCED');
  assert.equal(await channel.get(queue), false);
});
