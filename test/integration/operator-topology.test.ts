import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { broker } from './operator-broker.ts';
import { policyWith } from './operator-policy.ts';

const QUEUE = 'ordercache.shop.orders';
const DEAD = `${QUEUE}.dead`;
const STEPS = ['ordercache.delay.1s', 'ordercache.delay.2s'];
const known = { knownQueue: QUEUE };

const DECLARED_BINDINGS = [
  `crm crm.order.status.# -> ${QUEUE}`,
  `mes mes.order.status.# -> ${QUEUE}`,
  `${STEPS[0]}  -> ${STEPS[0]}`,
  `${STEPS[1]}  -> ${STEPS[1]}`,
];

describe('A queue that the status names', () => {
  it('and that is gone is told of before it is declared anew; a queue that never was is not', async (t) => {
    const b = await broker(t);
    const lost: string[][] = [];
    const onQueueLost = async () => void lost.push(await b.queues());
    const reconcile = (changes: object) =>
      b.topology.reconcile(policyWith(changes), b.credentials, onQueueLost);
    await reconcile({});
    await reconcile(known);
    assert.deepEqual(lost, []);
    await b.at('DELETE', 'queues', `/${QUEUE}`);
    await reconcile(known);
    assert.deepEqual(lost, [[...STEPS, DEAD]]);
    assert.ok((await b.queues()).includes(QUEUE));
    await reconcile({ ...known, rabbitmq: { queue: { revision: 2 } } });
    assert.equal(lost.length, 1, 'the queue of a new revision was never there');
  });
});

describe('An empty broker', () => {
  it('gets queue, dead-letter queue, ladder and bindings, and then nothing more', async (t) => {
    const b = await broker(t);
    const first = await b.declared(policyWith());
    assert.deepEqual(await b.queues(), [...STEPS, QUEUE, DEAD]);
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
    assert.deepEqual(
      first.changes.map(({ action, name }) => `${action} ${name}`),
      [
        'Declared crm',
        ...STEPS.map((step) => `Declared ${step}`),
        `Declared ${DEAD}`,
        ...STEPS.map((step) => `Declared ${step}`),
        `Declared ${QUEUE}`,
        ...STEPS.map((step) => `Bound ${step} -> ${step}`),
        `Bound mes -> ${QUEUE}`,
        `Bound crm -> ${QUEUE}`,
      ],
    );
    assert.deepEqual((await b.declared(policyWith(known))).changes, []);
  });

  it('tells the workers what to consume and where to retry', async (t) => {
    const b = await broker(t);
    const { queue, drainQueues, deadLetterQueue, retrySteps } = await b.declared(policyWith());
    assert.deepEqual([queue, drainQueues, deadLetterQueue], [QUEUE, [], DEAD]);
    assert.deepEqual(retrySteps, [
      { exchange: STEPS[0], delaySeconds: 1 },
      { exchange: STEPS[1], delaySeconds: 2 },
    ]);
  });

  it('gets everything by queue arguments: quorum, safe dead-lettering, owner', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    const argumentsOf = async (queue: string) =>
      ((await b.at('GET', 'queues', `/${queue}`)) as { arguments: unknown }).arguments;
    assert.deepEqual(await argumentsOf(QUEUE), {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': DEAD,
      'x-dead-letter-strategy': 'at-least-once',
      'x-delivery-limit': 20,
      'x-ordercache-owner': 'test/shop/orders',
    });
    assert.deepEqual(await argumentsOf(DEAD), {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-max-length': 1000,
      'x-ordercache-owner': 'test/shop/orders',
    });
    assert.deepEqual(await argumentsOf('ordercache.delay.2s'), {
      'x-queue-type': 'quorum',
      'x-overflow': 'reject-publish',
      'x-dead-letter-exchange': '',
      'x-dead-letter-strategy': 'at-least-once',
      'x-message-ttl': 2000,
    });
    assert.deepEqual(await b.at('GET', 'policies'), []);
  });

  it('is filled again after it came back empty', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    for (const queue of await b.queues()) await b.at('DELETE', 'queues', `/${queue}`);
    await b.at('DELETE', 'exchanges', '/crm');
    await b.declared(policyWith(known));
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
  });
});

describe('Messages', () => {
  it('return from a step of the ladder to the queue that they came from', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('ordercache.delay.1s', QUEUE, 'again');
    await b.holds(QUEUE, 1);
    const message = await b.channel.get(QUEUE);
    assert.ok(message, 'expected a message');
    const [death] = message.properties.headers?.['x-death'] ?? [];
    assert.deepEqual([death?.queue, death?.reason], ['ordercache.delay.1s', 'expired']);
    await b.holds('ordercache.delay.1s', 0);
  });

  it('that are rejected arrive in the dead-letter queue, and stay in the queue while that is full', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith({ rabbitmq: { deadLetter: { maxLength: 1 } } }));
    for (const body of ['a', 'b', 'c']) await b.publish('mes', 'mes.order.status.x', body);
    await b.holds(QUEUE, 3);
    const reject = async () => {
      const message = await b.channel.get(QUEUE);
      assert.ok(message, 'expected a message');
      b.channel.nack(message, false, false);
    };
    await reject();
    await b.holds(DEAD, 1);
    const full = await filled();
    await reject();
    await reject();
    // The broker's statistics follow within some seconds.
    let kept: number | undefined = 0;
    for (const deadline = Date.now() + 60_000; kept !== 2 && Date.now() < deadline; await sleep(500)) {
      kept = ((await b.at('GET', 'queues', `/${QUEUE}`)) as { messages_dlx?: number }).messages_dlx;
    }
    assert.equal(kept, 2);
    await b.holds(DEAD, full);

    /** The limit is soft: what arrives before the queue has told that it is full is taken too. */
    async function filled(): Promise<number> {
      for (let more = 0; more < 10; more += 1) {
        const isTaken = await b.publish('', DEAD, 'more').then(
          () => true,
          () => false,
        );
        if (!isTaken) return (await b.channel.checkQueue(DEAD)).messageCount;
      }
      throw new Error('expected the dead-letter queue to be full, it takes ten more');
    }
  });
});

describe('On its own queue the declared bindings are the truth', () => {
  it('a binding that was removed by hand comes back', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.channel.unbindQueue(QUEUE, 'mes', 'mes.order.status.#');
    const { changes } = await b.declared(policyWith(known));
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
    assert.deepEqual(
      changes.map(({ message }) => message),
      [`Bound queue ${QUEUE} to exchange mes, routing key "mes.order.status.#"`],
    );
  });

  it('a binding that somebody else made goes, also with arguments or odd characters', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.channel.bindQueue(QUEUE, 'mes', '#');
    await b.channel.bindQueue(QUEUE, 'mes', 'a/b %~é#');
    await b.channel.bindQueue(QUEUE, 'crm', '');
    await b.channel.bindQueue(QUEUE, 'mes', 'mes.order.status.#', { with: 'arguments' });
    const { changes } = await b.declared(policyWith(known));
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
    assert.equal(changes.length, 4);
  });

  it('an edited list of the policy is followed', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.declared(
      policyWith({ ...known, rabbitmq: { bindings: [{ exchange: 'crm', routingKey: 'new' }] } }),
    );
    assert.deepEqual(await b.bindings(), [`crm new -> ${QUEUE}`, ...DECLARED_BINDINGS.slice(2)]);
  });

  it('bindings of queues that are not ours stay', async (t) => {
    const b = await broker(t);
    await b.channel.assertQueue('theirs', { durable: true });
    await b.channel.bindQueue('theirs', 'mes', '#');
    await b.declared(policyWith());
    assert.ok((await b.bindings()).includes('mes # -> theirs'));
  });

  it('two hundred bindings are made and found again', async (t) => {
    const b = await broker(t);
    const bindings = Array.from({ length: 200 }, (_, n) => ({ exchange: 'mes', routingKey: `plant-${n}.#` }));
    await b.declared(policyWith({ rabbitmq: { bindings } }));
    assert.deepEqual((await b.declared(policyWith({ ...known, rabbitmq: { bindings } }))).changes, []);
  });
});

describe('Exchanges', () => {
  it('that are observed must exist; what can be bound is bound meanwhile', async (t) => {
    const b = await broker(t);
    await b.at('DELETE', 'exchanges', '/mes');
    const result = await b.topology.reconcile(policyWith(), b.credentials);
    assert.equal(result.kind, 'Problem');
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable, result.message], [
      'ExchangeNotFound',
      true,
      'Exchange mes does not exist; its owner must create it, or set managementPolicy: Declare',
    ]);
    assert.ok((await b.bindings()).includes(`crm crm.order.status.# -> ${QUEUE}`));
    await b.channel.assertExchange('mes', 'topic', { durable: true });
    await b.declared(policyWith(known));
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
  });

  it('of another type are a problem, and stay as they are', async (t) => {
    const b = await broker(t);
    await b.channel.assertExchange('crm', 'direct', { durable: true });
    const result = await b.topology.reconcile(policyWith(), b.credentials);
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.message], [
      'ExchangeMismatch',
      'Exchange crm: expected type topic, it is direct',
    ]);
    assert.equal(((await b.at('GET', 'exchanges', '/crm')) as { type: string }).type, 'direct');
  });

  it('that are declared are durable', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    assert.equal(((await b.at('GET', 'exchanges', '/crm')) as { durable: boolean }).durable, true);
  });

  it('that must be declared and are transient are a problem', async (t) => {
    const b = await broker(t);
    await b.channel.assertExchange('crm', 'topic', { durable: false });
    const result = await b.topology.reconcile(policyWith(), b.credentials);
    assert.deepEqual(result.kind === 'Problem' && result.reason, 'ExchangeMismatch');
  });
});

describe('A queue argument that cannot be changed in place', () => {
  const shorter = { ...known, rabbitmq: { deadLetter: { maxLength: 5 } } };

  it('is a problem that says what to do, and the queue keeps its messages', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'kept');
    const result = await b.topology.reconcile(policyWith(shorter), b.credentials);
    assert.deepEqual(result.kind === 'Problem' && [result.reason, result.retryable, result.message], [
      'QueueArgumentsChanged',
      false,
      `Queue ${DEAD}: expected x-max-length 5, it has x-max-length 1000. RabbitMQ cannot change the arguments of ` +
        'a queue: raise spec.rabbitmq.queue.revision to 2; the old queue is drained and then deleted',
    ]);
    await b.holds(QUEUE, 1);
  });

  it('still has its bindings looked after', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.channel.unbindQueue(QUEUE, 'mes', 'mes.order.status.#');
    await b.topology.reconcile(policyWith(shorter), b.credentials);
    assert.deepEqual(await b.bindings(), DECLARED_BINDINGS);
  });

  it('is noticed on a queue that somebody replaced by a classic one', async (t) => {
    const b = await broker(t);
    await b.channel.assertQueue(QUEUE, {
      durable: true,
      arguments: { 'x-queue-type': 'classic', 'x-ordercache-owner': 'test/shop/orders' },
    });
    const result = await b.topology.reconcile(policyWith(known), b.credentials);
    assert.deepEqual(result.kind === 'Problem' && result.reason, 'QueueArgumentsChanged');
    assert.match(result.kind === 'Problem' ? result.message : '', /expected x-queue-type "quorum"/);
  });

  it('takes a new revision: bound, the old one unbound, consumed until it is empty, then deleted', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'old');
    await b.publish('', DEAD, 'dead');
    const second = { rabbitmq: { queue: { revision: 2 }, deadLetter: { maxLength: 5 } } };
    const moved = await b.declared(policyWith({ ...known, ...second }));
    assert.deepEqual([moved.queue, moved.drainQueues], [`${QUEUE}.r2`, [QUEUE]]);
    assert.deepEqual(await b.bindings(), [
      `crm crm.order.status.# -> ${QUEUE}.r2`,
      `mes mes.order.status.# -> ${QUEUE}.r2`,
      ...DECLARED_BINDINGS.slice(2),
    ]);
    const bindings = moved.changes.filter(({ object }) => object === 'Binding').map(({ action }) => action);
    assert.deepEqual(
      bindings,
      ['Bound', 'Bound', 'Unbound', 'Unbound'],
      'new bindings come before old ones go',
    );

    const message = await b.channel.get(QUEUE);
    assert.ok(message);
    b.channel.ack(message);
    await b.holds(QUEUE, 0);
    const after = { knownQueue: `${QUEUE}.r2`, ...second };
    assert.deepEqual(
      (await b.declared(policyWith(after))).drainQueues,
      [QUEUE],
      'empty for too short a time',
    );
    await sleep(3_500);
    const last = await b.declared(policyWith(after));
    assert.deepEqual([last.drainQueues, last.recheckAfterSeconds], [[], undefined]);
    assert.deepEqual(await b.queues(), [...STEPS, DEAD, `${QUEUE}.r2`, `${QUEUE}.r2.dead`].sort());

    await b.holds(DEAD, 1);
    await b.channel.purgeQueue(DEAD);
    await b.declared(policyWith(after));
    assert.ok(!(await b.queues()).includes(DEAD), 'a dead-letter queue goes once somebody has emptied it');
  });

  it('keeps the old revision while a message waits in the ladder that will return to it', async (t) => {
    const b = await broker(t);
    const retry = { maxAttempts: 2, initialDelaySeconds: 8, maxDelaySeconds: 8 };
    await b.declared(policyWith({ rabbitmq: { retry } }));
    await b.publish('ordercache.delay.8s', QUEUE, 'on its way');
    const second = { knownQueue: QUEUE, rabbitmq: { retry, queue: { revision: 2 } } };
    await b.declared(policyWith(second));
    await sleep(4_000);
    assert.deepEqual((await b.declared(policyWith(second))).drainQueues, [QUEUE]);
    await b.holds(QUEUE, 1);
    assert.deepEqual((await b.declared(policyWith(second))).drainQueues, [QUEUE]);
  });
});
