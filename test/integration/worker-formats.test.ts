import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HEADERS } from '../../api/names.ts';
import type { EventSettings } from '../../api/worker-config.ts';
import { createPublisher } from '../../publisher/index.ts';
import { eventSettings } from '../../publisher/options.ts';
import { until, type WorkerProcess } from './worker-process.ts';
import {
  deadLetters,
  publishBytes,
  type Stage,
  setStage,
  startConsuming,
  statusInCache,
  untilAcknowledged,
  writeRecord,
  writeRow,
} from './worker-stage.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

function reading(stage: Stage, event: Partial<EventSettings>): Stage {
  return { ...stage, config: { ...stage.config, event: eventSettings(event) } };
}

function logged(worker: WorkerProcess, outcome: string) {
  return worker.log.filter((line) => line.msg === 'event' && line.outcome === outcome);
}

test('CloudEvents of the publisher, structured and binary, bring the records up to their rows', async (t) => {
  const event = { format: 'CloudEvents', versionPointer: '/data/version' } as const;
  const stage = reading(await setStage(t), event);
  for (const orderId of ['a', 'b']) {
    await writeRow(stage, orderId, 'SENT', 2);
    await writeRecord(stage, orderId, 'PAID', 1);
  }
  const worker = await startConsuming(t, stage);

  for (const [orderId, mode] of [
    ['a', 'Structured'],
    ['b', 'Binary'],
  ] as const) {
    const options = { uri: stage.vhost.amqpUri, exchange: '', routingKey: stage.topology.queue };
    const publisher = createPublisher({ ...options, event, cloudEvents: { source: '/mes', mode } });
    await publisher.publish({ orderId, status: 'SENT', version: 2 });
    await publisher.close();
  }
  const { outcomes } = await untilAcknowledged(worker, 2);

  assert.deepEqual([await statusInCache(stage, 'a'), await statusInCache(stage, 'b')], ['SENT', 'SENT']);
  assert.equal(outcomes.updated, 2);
});

test('a binary CloudEvent keeps its headers and its trace while it waits for its row', async (t) => {
  const event = { format: 'CloudEvents', versionPointer: '/version', versionFormat: 'Integer' } as const;
  const stage = reading(await setStage(t, { maxAttempts: 30 }), event);
  await writeRow(stage, '42', 'PAID', 1);
  await writeRecord(stage, '42', 'PAID', 1);
  const worker = await startConsuming(t, stage);

  const time = { '!': 'timestamp', value: Math.floor(Date.now() / 1000) };
  const attributes = {
    specversion: '1.0',
    id: 'e1',
    source: '/mes',
    type: 't',
    subject: 42,
    version: 2,
    time,
  };
  const prefixed = Object.entries({ ...attributes, traceparent: TRACE }).map(([name, value]) => [
    `cloudEvents:${name}`,
    value,
  ]);
  const properties = { contentType: 'application/json', headers: Object.fromEntries(prefixed) };
  publishBytes(stage, Buffer.from('{"status":"SENT"}'), properties);
  await until('the event was retried', async () => (await worker.report()).outcomes.retried >= 1);
  await writeRow(stage, '42', 'SENT', 2);
  await until('the record is the row', async () => (await statusInCache(stage, '42')) === 'SENT');

  assert.equal(logged(worker, 'retried')[0]?.traceparent, TRACE);
  assert.equal((await worker.report()).outcomes['dead-lettered'], 0);
});

test('what is no CloudEvent is dead-lettered with its reason, and its trace is in the log and on the message', async (t) => {
  const stage = reading(await setStage(t), { format: 'CloudEvents' });
  const worker = await startConsuming(t, stage);
  const headers = { traceparent: TRACE, tracestate: 'shop=1' };

  publishBytes(stage, Buffer.from('{"specversion":"1.0","id":"1","type":"t"}'), { headers });
  publishBytes(stage, Buffer.from('[]'), { headers, contentType: 'application/cloudevents-batch+json' });
  await untilAcknowledged(worker, 2);

  const found = await deadLetters(stage, 2);
  const reasons = found.map(({ properties }) => properties.headers?.[HEADERS.reason]);
  assert.deepEqual(reasons.sort(), ['BatchNotSupported', 'InvalidCloudEvent']);
  for (const { properties } of found) {
    assert.equal(properties.headers?.traceparent, TRACE);
    assert.equal(properties.headers?.tracestate, 'shop=1');
  }
  assert.deepEqual(
    logged(worker, 'dead-lettered').map(({ traceparent }) => traceparent),
    [TRACE, TRACE],
  );
});

test("events as Debezium Server's RabbitMQ sink publishes them bring the records up to their rows", async (t) => {
  const stage = reading(await setStage(t), { format: 'DebeziumOutbox', timestampFormat: 'UnixMicroseconds' });
  const orders = ['expanded', 'text', 'schema', 'header'];
  for (const orderId of orders) {
    await writeRow(stage, orderId, 'SENT', 2);
    await writeRecord(stage, orderId, 'PAID', 1);
  }
  const worker = await startConsuming(t, stage);

  const timestamp = Date.now() * 1000;
  const payload = (orderId?: string) => JSON.stringify({ orderId, status: 'SENT', timestamp });
  const schema = { type: 'string', optional: true, name: 'io.debezium.data.Json', version: 1 };
  const headers = { id: '{"schema":{"type":"string","optional":false},"payload":"f1a9"}' };
  const send = (body: string, more: object = {}) =>
    publishBytes(stage, Buffer.from(body), { messageId: undefined, headers: { ...headers, ...more } });
  send(payload('expanded'));
  send(JSON.stringify(payload('text')));
  send(JSON.stringify({ schema, payload: payload('schema') }));
  send(JSON.stringify(payload()), {
    orderId: '{"schema":{"type":"string","optional":false},"payload":"header"}',
  });
  const { outcomes } = await untilAcknowledged(worker, 4);

  for (const orderId of orders) assert.equal(await statusInCache(stage, orderId), 'SENT', orderId);
  assert.equal(outcomes.updated, 4);
});
