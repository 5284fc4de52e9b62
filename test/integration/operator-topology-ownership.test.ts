import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TopologyResult } from '../../operator/ports.ts';
import { createTopology } from '../../operator/topology.ts';
import { faultProxy } from '../servers/index.ts';
import { broker, INSTALLATION } from './operator-broker.ts';
import { credentialsFor, policyWith } from './operator-policy.ts';

const QUEUE = 'ordercache.shop.orders';
const known = { knownQueue: QUEUE };

function problem(result: TopologyResult): { reason: string; message: string; retryable: boolean } {
  if (result.kind !== 'Problem') throw new Error('expected a problem, got Declared');
  return result;
}

describe('A queue of another owner', () => {
  it('is neither changed nor bound, and the message names the owner and the ways out', async (t) => {
    const b = await broker(t);
    const other = createTopology({ installation: 'other', mayWrite: () => {} });
    await other.reconcile(policyWith(), b.credentials);
    const bindings = [{ exchange: 'mes', routingKey: 'only.mine' }];
    const before = await b.bindings();
    const result = await b.topology.reconcile(policyWith({ rabbitmq: { bindings } }), b.credentials);
    const { reason, message, retryable } = problem(result);
    assert.deepEqual([reason, retryable], ['QueueOwnedByOther', false]);
    assert.match(message, /belongs to other\/shop\/orders/);
    assert.match(message, /ordercache\.io\/adopt-queue-from: other\/shop\/orders/);
    assert.deepEqual(await b.bindings(), before);
  });

  it('is left alone also when nobody declared it as ours', async (t) => {
    const b = await broker(t);
    await b.channel.assertQueue(QUEUE, { durable: true });
    const { reason, message } = problem(await b.topology.reconcile(policyWith(), b.credentials));
    assert.equal(reason, 'QueueOwnedByOther');
    assert.match(message, /was not declared by this operator/);
    assert.deepEqual(await b.queues(), [QUEUE]);
  });

  it('is adopted with the annotation, its messages intact, and its bindings become ours', async (t) => {
    const b = await broker(t);
    const other = createTopology({ installation: 'other', mayWrite: () => {} });
    await other.reconcile(policyWith(), b.credentials);
    await b.publish('mes', 'mes.order.status.x', 'kept');
    const annotations = { 'ordercache.io/adopt-queue-from': 'other/shop/orders' };
    const rabbitmq = { bindings: [{ exchange: 'crm', routingKey: 'mine' }] };
    const { changes } = await b.declared(policyWith({ annotations, rabbitmq }));
    assert.equal(changes[0]?.action, 'Adopted');
    assert.match(changes[0]?.message ?? '', /owner is other\/shop\/orders/);
    await b.holds(QUEUE, 1);
    assert.ok((await b.bindings()).includes(`crm mine -> ${QUEUE}`));
    assert.ok(!(await b.bindings()).includes(`mes mes.order.status.# -> ${QUEUE}`));
  });

  it('is not drained by an adoption that names the owner of other queues too', async (t) => {
    const b = await broker(t);
    const other = createTopology({ installation: 'other', mayWrite: () => {} });
    const queue = { name: 'elsewhere', revision: 1 };
    await other.reconcile(policyWith({ rabbitmq: { queue } }), b.credentials);
    const annotations = { 'ordercache.io/adopt-queue-from': 'other/shop/orders' };
    assert.deepEqual((await b.declared(policyWith({ annotations }))).drainQueues, []);
    assert.ok((await b.bindings()).includes('mes mes.order.status.# -> elsewhere'));
  });

  it('is not deleted with the policy', async (t) => {
    const b = await broker(t);
    const other = createTopology({ installation: 'other', mayWrite: () => {} });
    await other.reconcile(policyWith(), b.credentials);
    const before = [await b.queues(), await b.bindings()];
    const result = await b.topology.release(policyWith(), b.credentials, 'Delete');
    assert.equal(result.kind, 'Released');
    assert.deepEqual([await b.queues(), await b.bindings()], before);
  });
});

describe('A queue from before the installation was called by its cluster', () => {
  const named = { installation: 'uid-of-the-cluster', mayWrite: () => {}, formerInstallation: 'default' };

  it('is its policy’s own while the status says that it used it', async (t) => {
    const b = await broker(t);
    await createTopology({ installation: 'default', mayWrite: () => {} }).reconcile(
      policyWith(),
      b.credentials,
    );
    const result = await createTopology(named).reconcile(policyWith(known), b.credentials);
    assert.deepEqual(result.kind === 'Declared' && [result.queue, result.changes], [QUEUE, []]);
    const next = policyWith({ ...known, rabbitmq: { queue: { revision: 2 } } });
    const migrated = await createTopology(named).reconcile(next, b.credentials);
    assert.deepEqual(migrated.kind === 'Declared' && migrated.drainQueues, [QUEUE]);
  });

  it('is another’s for a policy that has not used it: it may be that of another cluster', async (t) => {
    const b = await broker(t);
    await createTopology({ installation: 'default', mayWrite: () => {} }).reconcile(
      policyWith(),
      b.credentials,
    );
    const { reason, message } = problem(await createTopology(named).reconcile(policyWith(), b.credentials));
    assert.equal(reason, 'QueueOwnedByOther');
    assert.match(message, /adopt-queue-from: default\/shop\/orders/);
  });
});

describe('The own queue that was retained', () => {
  it('is adopted by a policy of the same name, and an event says so', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'kept');
    const { changes } = await b.declared(policyWith({ uid: 'uid-2' }));
    assert.deepEqual(
      changes.map(({ message }) => message),
      [`Adopted queue ${QUEUE} with the messages in it; its owner is test/shop/orders`],
    );
    await b.holds(QUEUE, 1);
  });

  it('is drained when the policy comes back with another queue name', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'kept');
    const { queue, drainQueues } = await b.declared(
      policyWith({ rabbitmq: { queue: { name: 'renamed', revision: 1 } } }),
    );
    assert.deepEqual([queue, drainQueues], ['renamed', [QUEUE]]);
    assert.ok(!(await b.bindings()).some((binding) => binding.startsWith('mes') && binding.endsWith(QUEUE)));
  });

  it('is left alone when another policy has taken it over meanwhile', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.publish('mes', 'mes.order.status.x', 'of the other policy');
    const before = (await b.bindings()).filter((binding) => binding.endsWith(QUEUE));
    const owners = { stateOf: async () => 'Exists' as const, queuesOfOthers: async () => new Set([QUEUE]) };
    const topology = createTopology({ installation: INSTALLATION, mayWrite: () => {}, owners });
    const renamed = policyWith({ rabbitmq: { queue: { name: 'renamed', revision: 1 } } });
    const result = await topology.reconcile(renamed, b.credentials);
    assert.deepEqual(result.kind === 'Declared' && [result.queue, result.drainQueues], ['renamed', []]);
    assert.notEqual((await topology.release(renamed, b.credentials, 'Delete')).kind, 'Problem');
    const after = (await b.bindings()).filter((binding) => binding.endsWith(QUEUE));
    assert.deepEqual(after, before);
    await b.holds(QUEUE, 1);
  });
});

describe('A broker policy of another team', () => {
  const put = (b: Awaited<ReturnType<typeof broker>>, kind: string, definition: object) =>
    b.at('PUT', kind, '/theirs', { pattern: '^ordercache', definition, priority: 9, 'apply-to': 'queues' });

  for (const definition of [{ 'max-length': 10 }, { 'message-ttl': 1000 }, { expires: 60_000 }]) {
    const [key] = Object.keys(definition);
    it(`that sets ${key} for our queue is a problem`, async (t) => {
      const b = await broker(t);
      await b.declared(policyWith());
      await put(b, 'policies', definition);
      const { reason, message } = problem(await b.topology.reconcile(policyWith(known), b.credentials));
      assert.equal(reason, 'BrokerPolicyConflict');
      assert.match(message, new RegExp(`^Broker policy theirs sets ${key} for queue ordercache`));
    });
  }

  it('that sets what our queue arguments decide anyway is none', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.at('PUT', 'policies', '/theirs', {
      pattern: '^ordercache.shop.orders$',
      definition: { 'dead-letter-exchange': 'mes', overflow: 'drop-head', 'delivery-limit': 50 },
      'apply-to': 'queues',
    });
    assert.deepEqual((await b.declared(policyWith(known))).changes, []);
    // And so it is: a rejected message goes where the argument says.
    await b.publish('mes', 'mes.order.status.x', 'rejected');
    await b.holds(QUEUE, 1);
    const message = await b.channel.get(QUEUE);
    assert.ok(message);
    b.channel.nack(message, false, false);
    await b.holds(`${QUEUE}.dead`, 1);
  });

  it('for other queues, or displaced by one of a higher priority, is none', async (t) => {
    const b = await broker(t);
    await b.declared(policyWith());
    await b.at('PUT', 'policies', '/elsewhere', { pattern: '^x', definition: { 'max-length': 1 } });
    await b.at('PUT', 'policies', '/low', { pattern: '.*', definition: { 'max-length': 1 }, priority: 1 });
    await b.at('PUT', 'policies', '/high', { pattern: '.*', definition: { 'ha-mode': 'all' }, priority: 2 });
    await b.declared(policyWith(known));
  });
});

describe('A broker that does not do as it is asked', () => {
  it('refuses a wrong password: access refused, and no retry helps', async (t) => {
    const b = await broker(t);
    const result = await b.topology.reconcile(policyWith(), { ...b.credentials, password: 'wrong-hunter2' });
    const { reason, message, retryable } = problem(result);
    assert.deepEqual([reason, retryable], ['BrokerAccessRefused', false]);
    assert.doesNotMatch(message, /hunter2/);
  });

  it('refuses a user without rights in the vhost', async (t) => {
    const b = await broker(t);
    const uri = await b.v.addUser({ configure: '^$', write: '^$', read: '^$' });
    const credentials = credentialsFor(uri, b.v.managementUri, b.v.vhost);
    assert.equal(
      problem(await b.topology.reconcile(policyWith(), credentials)).reason,
      'BrokerAccessRefused',
    );
  });

  it('is away: unavailable, and worth a retry', async (t) => {
    const b = await broker(t);
    const proxy = await faultProxy(t, b.credentials.managementUri);
    const credentials = { ...b.credentials, managementUri: `http://127.0.0.1:${proxy.port}` };
    await proxy.cut();
    const { reason, message, retryable } = problem(await b.topology.reconcile(policyWith(), credentials));
    assert.deepEqual(
      [reason, message, retryable],
      ['BrokerUnavailable', 'RabbitMQ management API: ECONNREFUSED', true],
    );
  });

  it('answers nothing: given up after some 10 s', async (t) => {
    const b = await broker(t);
    const proxy = await faultProxy(t, b.credentials.managementUri);
    const credentials = { ...b.credentials, managementUri: `http://127.0.0.1:${proxy.port}` };
    await proxy.blackHole();
    const began = Date.now();
    assert.equal(problem(await b.topology.reconcile(policyWith(), credentials)).reason, 'BrokerUnavailable');
    assert.ok(Date.now() - began < 25_000, `took ${Date.now() - began} ms`);
  });

  it('has no such vhost', async (t) => {
    const b = await broker(t);
    const { reason, message } = problem(
      await b.topology.reconcile(policyWith(), { ...b.credentials, vhost: 'nowhere' }),
    );
    assert.equal(reason, 'BrokerUnavailable');
    assert.match(message, /does vhost nowhere exist\?$/);
  });
});

describe('The least rights', () => {
  const ours = 'ordercache\\.(shop\\..+|delay\\.[0-9]+s)';
  const least = {
    configure: `^(${ours}|crm)$`,
    write: `^(${ours}|amq\\.default)$`,
    read: `^(${ours}|mes|crm)$`,
  };

  it('are enough to declare, to look at the queues, to migrate and to delete', async (t) => {
    const b = await broker(t);
    const uri = await b.v.addUser(least);
    const credentials = credentialsFor(uri, b.v.managementUri, b.v.vhost);
    const { username } = credentials;
    await b.v.management('PUT', `users/${username}`, { password: username, tags: 'management' });
    assert.equal((await b.topology.reconcile(policyWith(), credentials)).kind, 'Declared');
    await b.channel.bindQueue(QUEUE, 'mes', 'surplus');
    const second = policyWith({ ...known, rabbitmq: { queue: { revision: 2 } } });
    assert.equal((await b.topology.reconcile(second, credentials)).kind, 'Declared');
    assert.equal((await b.topology.release(second, credentials, 'Delete')).kind, 'Waiting');
    await sleep(3_500);
    assert.equal((await b.topology.release(second, credentials, 'Delete')).kind, 'Released');
    assert.deepEqual(await b.queues(), []);
  });
});

describe('An operator that lost its lease', () => {
  it('writes nothing, and what the fence throws comes through', async (t) => {
    const b = await broker(t);
    const fenced = createTopology({
      installation: 'test',
      mayWrite: () => {
        throw new Error('lease lost');
      },
    });
    await assert.rejects(fenced.reconcile(policyWith(), b.credentials), /lease lost/);
    assert.deepEqual(await b.queues(), []);
  });
});
