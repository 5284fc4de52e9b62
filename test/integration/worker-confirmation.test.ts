import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONFIRMATION_TYPE } from '../../api/confirmation.ts';
import { ask, listen } from './confirmations-seen.ts';
import { until } from './worker-process.ts';
import {
  deadLetters,
  depth,
  publish,
  type Stage,
  type StageOptions,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';
import { confirmingEarly } from './worker-variant.ts';

const DIRECT = 'amq.rabbitmq.reply-to';
const REPLY = { confirmation: { routingKey: 'order.cache', replyTo: true } } as const;
const EXCHANGE = {
  confirmation: { exchange: 'confirmed', routingKey: 'order.cache', replyTo: true },
} as const;

type Context = Parameters<typeof setStage>[0];

/** With the worker's rights as docs/rights.md has them. */
async function withLeastRights(stage: Stage): Promise<Stage> {
  const write = '^(amq\\.default|ordercache\\.delay\\.[0-9]+s|confirmed)$';
  const uri = await stage.vhost.addUser({ configure: '^$', write, read: '^orders$' });
  return { ...stage, credentials: { ...stage.credentials, rabbitmq: { uri } } };
}

async function stageWithListener(t: Context, options: StageOptions = EXCHANGE) {
  const stage = await setStage(t, options);
  return { stage, exchange: await listen(stage, 'told', 'confirmed') };
}

test('what happened is told to the exchange and to whoever asks, before the event is acknowledged', async (t) => {
  const { stage, exchange } = await stageWithListener(t, { ...EXCHANGE, versioned: true });
  const replies = await listen(stage, DIRECT);
  await writeRow(stage, 'a', 'SHIPPED', 2);
  await writeRecord(stage, 'a', 'PAID', 1);
  const worker = await startConsuming(t, await withLeastRights(stage));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  await ask(
    stage,
    { orderId: 'a', version: 2 },
    { messageId: 'm', replyTo: DIRECT, headers: { traceparent } },
  );
  const [reply] = await replies.untilSeen(1);
  const [told] = await exchange.untilSeen(1);
  await untilAcknowledged(worker, 1);

  assert.ok(reply && told);
  const { message, ...confirmation } = reply;
  assert.deepEqual(confirmation, {
    orderId: 'a',
    version: '2',
    status: 'SHIPPED',
    outcome: 'updated',
    messageId: 'm',
    policy: 'test/orders',
  });
  const { correlationId, type, contentType, headers } = message.properties;
  assert.deepEqual([correlationId, type, contentType], ['m', CONFIRMATION_TYPE, 'application/json']);
  assert.equal(headers?.traceparent, traceparent);
  assert.deepEqual(told.message.content, message.content);
  assert.equal(told.message.fields.routingKey, 'order.cache');
});

test('each outcome has its name, and the version is that of the row', async (t) => {
  const { stage, exchange } = await stageWithListener(t, { ...EXCHANGE, versioned: true, maxAttempts: 1 });
  for (const orderId of ['updated', 'absent', 'unchanged', 'outdated', 'unseen'])
    await writeRow(stage, orderId, 'SHIPPED', 5);
  for (const orderId of ['updated', 'invalidated', 'outdated']) await writeRecord(stage, orderId, 'PAID', 1);
  await writeRecord(stage, 'unchanged', 'SHIPPED', 5);
  await startConsuming(t, stage);

  const version = (orderId: string) => ({ outdated: 4, unseen: 6 })[orderId] ?? 5;
  const orders = ['updated', 'invalidated', 'absent', 'unchanged', 'outdated', 'unseen'];
  for (const orderId of orders)
    await ask(stage, { orderId, version: version(orderId) }, { correlationId: `c-${orderId}` });
  await ask(stage, 'not json', { messageId: 'broken' });

  const seen = await exchange.untilSeen(orders.length + 1);
  const told = new Map(seen.map((each) => [each.orderId, each]));
  assert.deepEqual(
    orders.map((orderId) => told.get(orderId)?.outcome),
    orders,
  );
  assert.equal(told.get('outdated')?.version, '5');
  assert.equal(told.get('invalidated')?.version, '5');
  assert.equal(told.get('absent')?.message.properties.correlationId, 'c-absent');
  const broken = told.get(null);
  assert.deepEqual(
    [broken?.outcome, broken?.reason, broken?.messageId],
    ['dead-lettered', 'InvalidJson', 'broken'],
  );
});

test('an event that is retried answers to the same address; one that is set aside answers with its reason', async (t) => {
  const stage = await setStage(t, { ...REPLY, versioned: true, maxAttempts: 30 });
  const replies = await listen(stage, DIRECT);
  await writeRow(stage, 'a', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  await ask(stage, { orderId: 'a', version: 2 }, { messageId: 'early', replyTo: DIRECT });
  await until('the event was retried', async () => (await worker.report()).outcomes.retried >= 1);
  await writeRow(stage, 'a', 'SHIPPED', 2);
  await ask(stage, { orderId: '*' }, { messageId: 'bad', replyTo: DIRECT });
  const seen = await replies.untilSeen(2);

  const outcomes = new Map(seen.map(({ messageId, outcome, reason }) => [messageId, [outcome, reason]]));
  assert.deepEqual(outcomes.get('early'), ['absent', undefined]);
  assert.deepEqual(outcomes.get('bad'), ['dead-lettered', 'InvalidOrderId']);
  await deadLetters(stage, 1);
});

test('reply addresses that are gone, full, forged or forbidden hold nothing up and set nothing aside', async (t) => {
  const stage = await setStage(t, REPLY);
  await stage.channel.assertQueue('confirmations.full', {
    durable: true,
    arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
  });
  await stage.channel.assertQueue('salaries', { durable: true });
  const forged = Buffer.from('\x83X\x76\0\x07reply@1aaaabbbbcccc', 'latin1').toString('base64');
  const addresses = [
    'confirmations.gone',
    'amq.gen-gone',
    'confirmations.full',
    `${DIRECT}.${forged}.key`,
    `${DIRECT}.${forged}.other`,
    `${DIRECT}.g1hk.x`,
    'salaries',
    'orders',
    'x'.repeat(255),
  ];
  const worker = await startConsuming(t, stage);
  const replies = await listen(stage, DIRECT);

  for (const replyTo of addresses) {
    await ask(stage, { orderId: 'a' }, { replyTo });
    await ask(stage, { orderId: 'b' }, { replyTo: DIRECT });
  }
  const { outcomes } = await untilAcknowledged(worker, 2 * addresses.length, 20_000);
  await replies.untilSeen(addresses.length);

  assert.deepEqual([outcomes['dead-lettered'], outcomes.retried], [0, 0]);
  assert.equal(await depth(stage, 'salaries'), 0);
  assert.deepEqual((await worker.report()).pausedBecause, []);
  assert.ok(worker.log.some(({ reason }) => reason === 'ReplyToRefused'));
});

test('a direct reply whose channel has closed is no error', async (t) => {
  const stage = await setStage(t, REPLY);
  const model = await stage.vhost.connect();
  const channel = await model.createConfirmChannel();
  await channel.consume(DIRECT, () => undefined, { noAck: true });
  const event = { orderId: 'a', status: 'SENT', timestamp: new Date().toISOString() };
  channel.sendToQueue(stage.topology.queue, Buffer.from(JSON.stringify(event)), { replyTo: DIRECT });
  await channel.waitForConfirms();
  await model.close();
  const worker = await startConsuming(t, stage);
  await untilAcknowledged(worker, 1);
  assert.deepEqual((await worker.report()).pausedBecause, []);
});

test('while the exchange is missing the events are kept, the cache is right and the report says why', async (t) => {
  const stage = await setStage(t, EXCHANGE);
  await writeRow(stage, 'a', 'SHIPPED', 2);
  await writeRecord(stage, 'a', 'PAID', 1);
  const worker = await startConsuming(t, stage);
  await publish(stage, [{ orderId: 'a' }, { orderId: 'b' }]);
  const paused = async () => (await worker.report()).pausedBecause.includes('ConfirmationUnavailable');
  await until('the worker says so', paused);
  assert.equal(await statusInCache(stage, 'a'), 'SHIPPED');
  assert.equal((await worker.report()).acknowledged, 0);

  const exchange = await listen(stage, 'told', 'confirmed');
  const seen = await exchange.untilSeen(2, 20_000);
  await untilAcknowledged(worker, 2);
  assert.deepEqual(seen.map(({ orderId }) => orderId).sort(), ['a', 'b']);
  await until('it goes on', async () => !(await paused()));
});

test('a worker killed while it cannot confirm loses nothing: the next one confirms', async (t) => {
  const stage = await setStage(t, EXCHANGE);
  const orders = Array.from({ length: 50 }, (_, index) => `o${index}`);
  for (const orderId of orders) await writeRow(stage, orderId, 'SHIPPED', 2);
  for (const orderId of orders) await writeRecord(stage, orderId, 'PAID', 1);
  const first = await startConsuming(t, stage);
  await publish(
    stage,
    orders.map((orderId) => ({ orderId })),
  );
  await until('the effect has happened', async () => {
    const all = await Promise.all(orders.map((orderId) => statusInCache(stage, orderId)));
    return all.every((status) => status === 'SHIPPED');
  });
  first.kill('SIGKILL');
  await first.exitCode;

  const exchange = await listen(stage, 'told', 'confirmed');
  const second = await startConsuming(t, stage);
  await untilAcknowledged(second, orders.length);
  await exchange.untilSeen(orders.length);
  assert.equal(new Set(exchange.seen.map(({ orderId }) => orderId)).size, orders.length);
});

test('cut off again and again, and killed, no acknowledged event goes unconfirmed', async (t) => {
  const { stage, exchange } = await stageWithListener(t);
  const username = new URL(await stage.vhost.addUser({ configure: '', write: '.*', read: '.*' })).username;
  const uri = new URL(stage.vhost.amqpUri);
  uri.username = uri.password = username;
  const own = { ...stage, credentials: { ...stage.credentials, rabbitmq: { uri: uri.href } } };
  const orders = Array.from({ length: 3_000 }, (_, index) => `o${index}`);
  let worker = await startConsuming(t, own);
  for (let round = 0; round < 6; round++) {
    await publish(
      stage,
      orders.slice(round * 500, (round + 1) * 500).map((orderId) => ({ orderId })),
    );
    await sleep(50);
    if (round % 2 === 0) await stage.vhost.management('DELETE', `connections/username/${username}`);
    else {
      worker.kill('SIGKILL');
      worker = await startConsuming(t, own);
    }
  }
  await until('the queue is empty', async () => {
    const { inFlight } = await worker.report();
    return inFlight === 0 && (await depth(stage, stage.topology.queue)) === 0;
  });
  const untold = () => {
    const told = new Set(exchange.seen.map(({ orderId }) => orderId));
    return orders.filter((orderId) => !told.has(orderId));
  };
  await until('every event is told', () => untold().length === 0).catch(() => undefined);
  assert.deepEqual(untold(), []);
});

/** How many readers' hits differ from the row once the change was confirmed, out of `trials`. */
async function staleAfterConfirmation(stage: Stage, trials: number): Promise<number> {
  const replies = await listen(stage, DIRECT);
  await writeRecord(stage, 'a', 'S0', 0);
  let stale = 0;
  for (let trial = 1; trial <= trials; trial++) {
    const status = `S${trial}`;
    await writeRow(stage, 'a', status, trial);
    await ask(stage, { orderId: 'a', status }, { messageId: `t${trial}`, replyTo: DIRECT });
    await replies.untilSeen(trial);
    const hit = await statusInCache(stage, 'a');
    if (hit !== null && hit !== status) stale++;
    await writeRecord(stage, 'a', status, trial);
  }
  return stale;
}

test('when a change is confirmed, no reader sees the state before it', async (t) => {
  const stage = await setStage(t, REPLY);
  await startConsuming(t, stage);
  assert.equal(await staleAfterConfirmation(stage, 300), 0);
});

test('a worker that confirms before the effect is found out', async (t) => {
  const stage = await setStage(t, REPLY);
  await startConsuming(t, stage, 'info', confirmingEarly(t));
  assert.equal(await staleAfterConfirmation(stage, 1), 1);
});
