import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrderCachePolicy } from '../../api/policy.ts';
import type { ReleaseResult } from '../../operator/ports.ts';
import { type Broker, broker } from './operator-broker.ts';
import { policyWith } from './operator-policy.ts';

const QUEUE = 'ordercache.shop.orders';
const DEAD = `${QUEUE}.dead`;

/** Calls release again as long as it asks for patience; at most 60 s. */
async function released(b: Broker, policy: OrderCachePolicy): Promise<ReleaseResult> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const result = await b.topology.release(policy, b.credentials, 'Delete');
    if (result.kind !== 'Waiting' || Date.now() > deadline) return result;
    await sleep(result.seconds * 1000);
  }
}

describe('A policy deleted with Retain', () => {
  it('needs no broker, and names what stays', async () => {
    const { createTopology } = await import('../../operator/topology.ts');
    const topology = createTopology({ installation: 'test', mayWrite: () => {} });
    const result = await topology.release(policyWith(), null, 'Retain');
    assert.equal(result.kind, 'Released');
    const text = result.kind === 'Released' ? result.leftovers.join('; ') : '';
    assert.match(text, /queue ordercache\.shop\.orders with its messages and bindings/);
    assert.match(text, /queue ordercache\.shop\.orders\.dead/);
  });
});

describe('A policy deleted with Delete', () => {
  it('does not delete a dead-letter queue that somebody else has put in place of ours', async (t) => {
    const b = await broker(t);
    const { deadLetterQueue } = await b.declared(policyWith());
    await b.at('DELETE', 'queues', `/${deadLetterQueue}`);
    await b.channel.assertQueue(deadLetterQueue, { durable: true });
    assert.equal((await released(b, policyWith())).kind, 'Released');
    assert.deepEqual(await b.queues(), [deadLetterQueue]);
  });

  it('leaves nothing of ours: queues and ladder gone, exchanges of the initiators stay', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    const result = await released(b, policyWith());
    assert.deepEqual([result.kind, result.kind === 'Released' && result.leftovers], ['Released', []]);
    assert.deepEqual(await b.queues(), []);
    const exchanges = ((await b.at('GET', 'exchanges')) as { name: string }[]).map(({ name }) => name);
    assert.deepEqual(exchanges.filter((name) => name !== '' && !name.startsWith('amq.')).sort(), [
      'crm',
      'mes',
    ]);
  });

  it('deletes no queue that holds messages, but unbinds it and says which', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'kept');
    await b.holds(QUEUE, 1);
    const result = await released(b, policyWith());
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable], ['QueueNotEmpty', true]);
    assert.match(result.kind === 'Problem' ? result.message : '', new RegExp(`: ${QUEUE}\\. Empty it`));
    await b.holds(QUEUE, 1);
    assert.ok(!(await b.bindings()).some((binding) => binding.endsWith(`-> ${QUEUE}`)));
    assert.ok((await b.queues()).includes(DEAD), 'the dead-letter queue stays as long as its queue does');
  });

  it('goes on once the queue is empty', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'x');
    await b.holds(QUEUE, 1);
    assert.equal((await released(b, policyWith())).kind, 'Problem');
    await b.channel.purgeQueue(QUEUE);
    assert.equal((await released(b, policyWith())).kind, 'Released');
    assert.deepEqual(await b.queues(), []);
  });

  it('deletes no dead letters', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('', DEAD, 'dead');
    await b.holds(DEAD, 1);
    const result = await released(b, policyWith());
    assert.equal(result.kind === 'Problem' && result.reason, 'QueueNotEmpty');
    await b.holds(DEAD, 1);
  });

  it('waits for what the retry ladder still returns, and loses none of it', async (t) => {
    const b = await broker(t);
    const policy = policyWith({
      rabbitmq: { retry: { maxAttempts: 2, initialDelaySeconds: 5, maxDelaySeconds: 5 } },
    });
    await b.declared(policy);
    await b.publish('ordercache.delay.5s', QUEUE, 'on its way');
    const result = await released(b, policy);
    assert.equal(result.kind === 'Problem' && result.reason, 'QueueNotEmpty');
    await b.holds(QUEUE, 1);
  });

  it('waits for consumers to go', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    const { consumerTag } = await b.channel.consume(QUEUE, () => {});
    await b.topology.release(policyWith(), b.credentials, 'Delete');
    await sleep(3_500);
    const waiting = await b.topology.release(policyWith(), b.credentials, 'Delete');
    assert.equal(
      waiting.kind === 'Waiting' && waiting.message,
      `Waiting until nobody consumes ${QUEUE} any more`,
    );
    await b.channel.cancel(consumerTag);
    assert.equal((await released(b, policyWith())).kind, 'Released');
  });

  it('leaves the ladder to the other policies of the vhost', async (t) => {
    const b = await broker(t);
    const other = policyWith({ name: 'returns', uid: 'uid-returns' });
    await b.declared(policyWith());
    await b.declared(other);
    assert.equal((await released(b, policyWith())).kind, 'Released');
    assert.ok((await b.queues()).includes('ordercache.delay.1s'));
    assert.deepEqual(
      (await b.declared({ ...other, status: { queue: 'ordercache.shop.returns' } })).changes,
      [],
    );
    assert.equal((await released(b, other)).kind, 'Released');
    assert.deepEqual(await b.queues(), []);
  });

  it('removes older revisions too', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    const second = policyWith({ knownQueue: QUEUE, rabbitmq: { queue: { revision: 2 } } });
    await b.declared(second);
    assert.equal((await released(b, second)).kind, 'Released');
    assert.deepEqual(await b.queues(), []);
  });

  it('is done where there is nothing', async (t) => {
    const b = await broker(t);
    assert.equal((await released(b, policyWith())).kind, 'Released');
  });

  it('is done where there is no vhost any more', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    const gone = { ...b.credentials, vhost: `${b.v.vhost}-gone` };
    const result = await b.topology.release(policyWith(), gone, 'Delete');
    assert.deepEqual(result, { kind: 'Released', changes: [], leftovers: [] });
  });

  it('is retried while the broker is away', async (t) => {
    const b = await broker(t);
    const away = { ...b.credentials, managementUri: 'http://127.0.0.1:1' };
    const result = await b.topology.release(policyWith(), away, 'Delete');
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable], [
      'BrokerUnavailable',
      true,
    ]);
  });
});
