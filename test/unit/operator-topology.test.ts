import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DesiredTopology, desiredTopology, retryLadder } from '../../operator/topology-desired.ts';
import { diffTopology } from '../../operator/topology-diff.ts';
import { QuietQueues } from '../../operator/topology-drain.ts';
import type { BrokerPolicy, ObservedTopology } from '../../operator/topology-observed.ts';
import { policyWith } from '../integration/operator-policy.ts';

const desired = desiredTopology(policyWith({ knownQueue: 'ordercache.shop.orders' }), 'test');

/** A broker that has all that is desired. */
function equal(wanted: DesiredTopology, policies?: Partial<ObservedTopology['policies']>): ObservedTopology {
  return {
    exchanges: new Map(wanted.exchanges.map((each) => [each.name, { ...each, durable: true }])),
    queues: new Map(
      wanted.queues.map((each) => [each.name, { ...each, durable: true, effectivePolicy: undefined }]),
    ),
    bindings: wanted.bindings.map((each) => ({
      ...each,
      propertiesKey: each.routingKey,
      hasArguments: false,
    })),
    policies: { operator: [], user: [], ...policies },
  };
}

const brokerPolicy = (over: Partial<BrokerPolicy>): BrokerPolicy => ({
  name: 'theirs',
  pattern: '.*',
  applyTo: 'all',
  priority: 0,
  definition: { 'max-length': 10 },
  ...over,
});

describe('The retry ladder', () => {
  const table: [maxAttempts: number, initial: number, max: number, delays: number[]][] = [
    [5, 1, 60, [1, 2, 4, 8]],
    [1, 1, 60, []],
    [100, 1, 60, [1, 2, 4, 8, 16, 32, 60]],
    [3, 60, 60, [60]],
    [4, 7, 10, [7, 10]],
    [3, 3600, 3600, [3600]],
  ];
  for (const [maxAttempts, initialDelaySeconds, maxDelaySeconds, delays] of table) {
    it(`of ${maxAttempts} attempts from ${initialDelaySeconds} s to ${maxDelaySeconds} s is ${delays}`, () => {
      const steps = retryLadder({ maxAttempts, initialDelaySeconds, maxDelaySeconds });
      assert.deepEqual(
        steps.map(({ delaySeconds }) => delaySeconds),
        delays,
      );
    });
  }

  it('spans all attempts, the last delay repeated', () => {
    const retry = { maxAttempts: 6, initialDelaySeconds: 1, maxDelaySeconds: 4 };
    assert.equal(
      desiredTopology(policyWith({ rabbitmq: { retry } }), 'test').retrySpanSeconds,
      1 + 2 + 4 + 4 + 4,
    );
  });
});

describe('The difference', () => {
  it('between a broker that has all and the policy is nothing', () => {
    assert.deepEqual(diffTopology(equal(desired), desired), { changes: [], problems: [], adopted: [] });
  });

  it('binds before it unbinds, and declares before it binds', () => {
    const empty = { ...equal(desired), exchanges: new Map(), queues: new Map(), bindings: [] };
    const mes = { name: 'mes', type: 'topic', durable: true };
    const kinds = diffTopology({ ...empty, exchanges: new Map([['mes', mes]]) }, desired).changes.map(
      ({ kind }) => kind,
    );
    const order = ['DeclareExchange', 'DeclareQueue', 'Bind', 'Unbind'];
    assert.deepEqual(
      kinds,
      [...kinds].sort((a, b) => order.indexOf(a) - order.indexOf(b)),
    );
    assert.equal(kinds.filter((kind) => kind === 'DeclareQueue').length, desired.queues.length);
  });

  it('leaves an old revision bound while a new binding cannot be made', () => {
    const next = desiredTopology(policyWith({ rabbitmq: { queue: { revision: 2 } } }), 'test');
    const observed = equal(desired);
    const withoutMes = new Map([...observed.exchanges].filter(([name]) => name !== 'mes'));
    const complete = diffTopology(observed, next).changes.filter(({ kind }) => kind === 'Unbind');
    const blocked = diffTopology({ ...observed, exchanges: withoutMes }, next);
    assert.equal(complete.length, 2);
    assert.deepEqual(
      blocked.changes.filter(({ kind }) => kind === 'Unbind'),
      [],
    );
    assert.equal(blocked.problems[0]?.reason, 'ExchangeNotFound');
  });

  it('says of a step of the ladder that is different how it is made right', () => {
    const observed = equal(desired);
    const step = observed.queues.get('ordercache.delay.1s');
    assert.ok(step);
    const queues = new Map(observed.queues).set(step.name, { ...step, arguments: { 'x-message-ttl': 1 } });
    const [problem] = diffTopology({ ...observed, queues }, desired).problems;
    assert.equal(problem?.reason, 'QueueArgumentsChanged');
    assert.match(problem?.message ?? '', /delete the queue once it is empty/);
  });
});

describe('Broker policies', () => {
  const problems = (policies: Partial<ObservedTopology['policies']>) =>
    diffTopology(equal(desired, policies), desired).problems.map(({ reason }) => reason);
  const conflict = desired.queues.map(() => 'BrokerPolicyConflict');

  it('of the broker operator count as well', () => {
    assert.deepEqual(problems({ operator: [brokerPolicy({ definition: { 'message-ttl': 1 } })] }), conflict);
  });

  it('for exchanges, classic queues or streams do not matter', () => {
    for (const applyTo of ['exchanges', 'classic_queues', 'streams']) {
      assert.deepEqual(problems({ user: [brokerPolicy({ applyTo })] }), []);
    }
  });

  it('with a limit no lower than ours do not matter', () => {
    const pattern = '\\.dead$';
    const limit = (maxLength: number) =>
      problems({ user: [brokerPolicy({ pattern, definition: { 'max-length': maxLength } })] });
    assert.deepEqual(limit(1000), []);
    assert.deepEqual(limit(999), ['BrokerPolicyConflict']);
  });

  it('whose pattern only Erlang understands are judged by what the broker says is in effect', () => {
    const observed = equal(desired, { user: [brokerPolicy({ pattern: '(?i)ORDERCACHE(?#comment)' })] });
    assert.deepEqual(diffTopology(observed, desired).problems, []);
    const queue = observed.queues.get(desired.queue);
    assert.ok(queue);
    const queues = new Map(observed.queues).set(queue.name, {
      ...queue,
      effectivePolicy: { 'max-length': 10 },
    });
    assert.deepEqual(
      diffTopology({ ...observed, queues }, desired).problems.map(({ reason }) => reason),
      ['BrokerPolicyConflict'],
    );
  });

  it('that may not be read are judged by what the broker says is in effect', () => {
    assert.deepEqual(diffTopology({ ...equal(desired), policies: undefined }, desired).problems, []);
  });
});

describe('A queue that is to be deleted', () => {
  const idle = { ready: 0, consumers: 0 };
  const consumed = { ready: 0, consumers: 1 };
  const waiting = { ladderIsEmpty: false, longestDelaySeconds: 8, spanSeconds: 15 };
  const seconds = (n: number) => n * 1000;

  it('is in use while it holds a message', () => {
    assert.deepEqual(new QuietQueues().look('q', { ready: 1, consumers: 0 }, waiting, 0), { kind: 'InUse' });
  });

  it('must have been empty for the longest delay, lest a message of the ladder has no queue to return to', () => {
    const quiet = new QuietQueues();
    assert.deepEqual(quiet.look('q', idle, waiting, 0), { kind: 'Quiet', seconds: 11 });
    assert.deepEqual(quiet.look('q', idle, waiting, seconds(10)), { kind: 'Quiet', seconds: 1 });
    assert.deepEqual(quiet.look('q', idle, waiting, seconds(11)), { kind: 'Deletable' });
  });

  it('is waited for less when the ladder is empty', () => {
    const quiet = new QuietQueues();
    const empty = { ...waiting, ladderIsEmpty: true };
    assert.equal(quiet.look('q', idle, empty, 0).kind, 'Quiet');
    assert.equal(quiet.look('q', idle, empty, seconds(3)).kind, 'Deletable');
  });

  it('begins anew with each message that is seen', () => {
    const quiet = new QuietQueues();
    quiet.look('q', idle, waiting, 0);
    quiet.look('q', { ready: 1, consumers: 0 }, waiting, seconds(10));
    assert.deepEqual(quiet.look('q', idle, waiting, seconds(12)), { kind: 'Quiet', seconds: 11 });
  });

  it('is drained, while workers consume it, only after all attempts of a message', () => {
    const quiet = new QuietQueues();
    quiet.look('q', consumed, waiting, 0);
    assert.equal(quiet.look('q', consumed, waiting, seconds(17)).kind, 'Quiet');
    assert.equal(quiet.look('q', consumed, waiting, seconds(18)).kind, 'Drained');
  });

  it('is counted anew when the last consumer goes, because its messages may be in the ladder now', () => {
    const quiet = new QuietQueues();
    quiet.look('q', consumed, waiting, 0);
    assert.deepEqual(quiet.look('q', idle, waiting, seconds(100)), { kind: 'Quiet', seconds: 11 });
  });
});
