import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { fence, ROOT, read } from '../fixtures/docs-pages.ts';
import { type PackedProject, packedProject } from '../fixtures/packed-project.ts';
import { testDatabase, testRedis, testVhost } from '../servers/index.ts';
import {
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

/** The programs of docs/examples in an empty project, against the package that `npm pack` packs. */

const EXAMPLES = globSync('order-*.ts', { cwd: join(ROOT, 'docs/examples') });
const FORMATS = ['mjs', 'cjs'] as const;

let project: PackedProject;
before(() => {
  project = packedProject();
  project.link(['ioredis', 'amqplib', 'cdk8s', 'constructs', 'pg', '@types/pg', '@types/node']);
  for (const file of EXAMPLES)
    for (const extension of ['mts', 'cts'])
      project.write(file.replace(/ts$/, extension), read(`docs/examples/${file}`));
  project.write('publisher.mts', "export * from 'order-cache-operator/publisher';");
  project.write('cdk8s-app.mts', read('docs/examples/cdk8s-app.ts'));
});
after(() => project?.remove());

const compiled = (file: string) => import(join(project.directory, 'out', file));

test('docs/examples compile in a project that has the package, as ES modules and as CommonJS', () => {
  const files = EXAMPLES.flatMap((file) => [file.replace(/ts$/, 'mts'), file.replace(/ts$/, 'cts')]);
  assert.equal(project.compile('nodenext', ...files, 'publisher.mts', 'cdk8s-app.mts'), '');
  assert.equal(project.compile('node16', ...files, 'publisher.mts'), '');
});

test('docs/examples/cdk8s-app.ts makes a policy for each region', () => {
  const { status, output } = project.run('out/cdk8s-app.mjs');
  assert.equal(status, 0, output);
  const made = parseAllDocuments(output).map((document) => [
    document.getIn(['metadata', 'namespace']),
    document.getIn(['spec', 'scaling', 'maxReplicas']),
  ]);
  assert.deepEqual(made, [
    ['shop-eu', 20],
    ['shop-us', 10],
  ]);
});

for (const format of FORMATS)
  test(`docs/examples/order-status.ts reads an order, and knows one that does not exist (${format})`, async (t) => {
    const { orderStatuses }: typeof import('../../docs/examples/order-status.ts') = await compiled(
      `order-status.${format}`,
    );
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

for (const format of FORMATS)
  test(`docs/examples/order-change.ts changes the row and publishes the event with its routing key (${format})`, async (t) => {
    const { changeStatus, mesPublisher }: typeof import('../../docs/examples/order-change.ts') =
      await compiled(`order-change.${format}`);
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
  const { changeStatusVisibly }: typeof import('../../docs/examples/order-change-visible.ts') =
    await compiled('order-change-visible.mjs');
  const { createPublisher }: typeof import('../../publisher/index.ts') = await compiled('publisher.mjs');
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
  const { changeStatus, startRelay }: typeof import('../../docs/examples/order-outbox.ts') =
    await compiled('order-outbox.mjs');
  const { outboxSql }: typeof import('../../publisher/index.ts') = await compiled('publisher.mjs');
  const [vhost, database] = [await testVhost(t), await testDatabase(t)];
  await database.pool.query(outboxSql());
  await database.pool.query("INSERT INTO orders VALUES ('A-1', 'RELEASED', 3)");
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const { queue } = await channel.assertQueue('seen');
  await channel.bindQueue(queue, 'mes', 'mes.order.status.#');

  await changeStatus(database.pool, 'A-1', 'PRODUCED');
  await assert.rejects(changeStatus(database.pool, 'A-1', ''), { reason: 'Invalid' });
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

test('docs/npm/reader.md reads an order, and null where there is none', async (t) => {
  const { uri } = await testRedis(t);
  project.write('reader-page.mts', fence(read('docs/npm/reader.md'), 'ts'));
  const { status, output } = project.run('reader-page.mts', { REDIS_URI: uri });
  assert.equal(status, 0, output);
  assert.equal(output.trim(), "{ status: 'SHIPPED', version: '3', from: 'database' } null");
});

test('docs/npm/publisher.md publishes an event', async (t) => {
  const vhost = await testVhost(t);
  const channel = await (await vhost.connect()).createChannel();
  await channel.assertExchange('mes', 'topic');
  const { queue } = await channel.assertQueue('seen');
  await channel.bindQueue(queue, 'mes', 'mes.order.status.#');
  project.write('publisher-page.mts', fence(read('docs/npm/publisher.md'), 'ts'));
  const { status, output } = project.run('publisher-page.mts', { RABBITMQ_URI: vhost.amqpUri });
  assert.equal(status, 0, output);
  const message = await channel.get(queue, { noAck: true });
  assert.ok(message);
  assert.equal(JSON.parse(message.content.toString()).orderId, 'A-1');
});

test('docs/npm/cdk8s.md makes a policy', () => {
  project.write('cdk8s-page.mts', fence(read('docs/npm/cdk8s.md'), 'ts'));
  const { status, output } = project.run('cdk8s-page.mts');
  assert.equal(status, 0, output);
  assert.match(output, /kind: OrderCachePolicy/);
});

test('the code of docs/npm compiles under module node16 and nodenext', () => {
  const pages = ['reader-page.mts', 'publisher-page.mts', 'cdk8s-page.mts'];
  for (const module of ['node16', 'nodenext']) assert.equal(project.compile(module, ...pages), '');
});
