import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { createPublisher, type Publisher, type VisibleChange } from '../../publisher/index.ts';
import { fence, read, section } from '../fixtures/docs-pages.ts';
import { ownRedis } from '../servers/index.ts';
import { setStage, startConsuming, untilAcknowledged, writeRecord, writeRow } from './worker-stage.ts';

/** Snippets of the pages that only running them can prove. */

type Snippet = (publisher: Publisher, orderId: string, status: string) => Promise<VisibleChange>;

test('the code of docs/confirmation.md waits until readers see the change', async (t) => {
  const code = fence(read('docs/confirmation.md'), 'ts');
  const AsyncFunction = (async () => undefined).constructor as new (...source: string[]) => Snippet;
  const change = new AsyncFunction('publisher', 'orderId', 'status', `${code}; return { outcome, version };`);

  const stage = await setStage(t, { confirmation: { routingKey: '', replyTo: true } });
  await writeRow(stage, 'A-1', 'SHIPPED', 8);
  await writeRecord(stage, 'A-1', 'PAID', 7);
  const publisher = createPublisher({ uri: stage.vhost.amqpUri, exchange: '', routingKey: 'orders' });
  t.after(() => publisher.close());
  await publisher.publish({ orderId: 'A-0', status: 'PAID' });
  await untilAcknowledged(await startConsuming(t, stage), 1, 30_000);
  assert.deepEqual(await change(publisher, 'A-1', 'SHIPPED'), { outcome: 'updated', version: '8' });
});

test('a reader that only reads gets along with the rights of docs/protocol.md', async (t) => {
  const text = section(read('docs/protocol.md'), 'Rights').replaceAll('\n', ' ');
  const rights = /needs\s+`([^`]+)`/.exec(text)?.[1] ?? '';
  const { uri, port } = await ownRedis(t);
  const admin = new Redis(uri);
  t.after(() => admin.disconnect());
  await admin.acl('SETUSER', 'reader', 'on', '>secret', 'resetchannels', ...rights.split(' '));
  await admin.hset('order:A-1', { status: 'SHIPPED' });
  await admin.set('ordercache:ttl:order:', '{}');

  const reader = new Redis({ port, username: 'reader', password: 'secret', enableReadyCheck: false });
  t.after(() => reader.disconnect());
  assert.equal(await reader.hget('order:A-1', 'status'), 'SHIPPED');
  assert.deepEqual(await reader.hmget('order:A-1', 'status', 'version'), ['SHIPPED', null]);
  assert.equal(await reader.get('ordercache:ttl:order:'), '{}');
  await assert.rejects(reader.hset('order:A-1', { status: 'PAID' }), /NOPERM/);
  await assert.rejects(reader.hget('invoice:A-1', 'status'), /NOPERM/);
});
