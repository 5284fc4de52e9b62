import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ttlTableKey } from '../../api/names.ts';
import { type Pod, QUEUE } from './policy.ts';
import { KEY_PREFIX, NAMESPACE, OPERATOR_NAMESPACE } from './scene.ts';
import { setStage } from './stage.ts';

/** Pods are killed while events flow. One event for each order: a lost one would leave its record behind its row. */

const { scene, policy, shop, broker } = await setStage({ after });

before(async () => {
  await policy.apply({ scaling: { minReplicas: 2, maxReplicas: 2 } });
  await policy.ready();
  await policy.untilWorkers(2);
  await broker.purge(`${QUEUE}.dead`);
});

async function cachedOrders(count: number): Promise<string[]> {
  const ids = await shop.makeOrders(count);
  await scene.kubectl.until('the orders are cached', 60, () => shop.readIntoCache(ids));
  return ids;
}

async function kill(namespace: string, target: readonly string[]): Promise<void> {
  const command = ['delete', 'pod', '-n', namespace, ...target, '--wait=false'];
  await scene.kubectl.run([...command, '--grace-period=0', '--force']);
}

/** Events flow before, during and after what is done meanwhile, however long it takes: the last 500 come after it. */
async function changeWhile(
  done: Promise<void>,
  by: 'mes' | 'crm',
  ids: readonly string[],
  status: string,
): Promise<void> {
  await Promise.all([done, shop.change(by, ids.slice(0, -500), status, 100)]);
  await shop.change(by, ids.slice(-500), status);
}

/** The events that these workers have acknowledged, of those that were not passed on. */
async function finishedBy(workers: readonly Pod[]): Promise<number> {
  const reports = await Promise.all(workers.map((pod) => policy.report(pod)));
  return reports.reduce((sum, { acknowledged, outcomes }) => sum + acknowledged - outcomes.retried, 0);
}

it('a worker that is killed under load loses nothing', async () => {
  const ids = await cachedOrders(3000);
  const [victim] = await policy.untilWorkers(2);
  assert.ok(victim);
  await shop.change('mes', ids.slice(0, 500), 'IN_PRODUCTION');
  await scene.kubectl.until('it works', 60, async () => (await policy.report(victim)).acknowledged > 0);
  await changeWhile(kill(NAMESPACE, [victim.metadata.name]), 'mes', ids.slice(500), 'IN_PRODUCTION');
  await scene.kubectl.until('every record equals its row', 120, async () => {
    return (await shop.stale(ids)).length === 0 && (await broker.ready(QUEUE)) === 0;
  });
  const records = [...(await shop.records(ids)).values()];
  assert.equal(records.filter(({ status }) => status === 'IN_PRODUCTION').length, ids.length);
  assert.ok((await policy.workers()).every(({ metadata }) => metadata.uid !== victim.metadata.uid));
  assert.equal(await broker.ready(`${QUEUE}.dead`), 0);
});

describe('Redis that is killed under load and comes back empty', () => {
  let ids: string[];

  it('costs no event, and leaves no record behind its row', async () => {
    ids = await cachedOrders(2000);
    const [workers, runId] = [await policy.untilWorkers(2), await shop.redisRunId()];
    const finished = await finishedBy(workers);
    const killed = kill(NAMESPACE, ['-l', 'app.kubernetes.io/name=redis']);
    const events = changeWhile(killed, 'crm', ids, 'SHIPPED');
    await killed;
    await shop.read(ids.slice(0, 200));
    await events;
    await scene.kubectl.until('every event has its effect', 120, async () => {
      await shop.read(ids);
      return (await finishedBy(workers)) - finished >= ids.length && (await broker.ready(QUEUE)) === 0;
    });
    assert.notEqual(await shop.redisRunId(), runId);
    assert.deepEqual(await shop.stale(ids), []);
    assert.equal(await broker.ready(`${QUEUE}.dead`), 0, 'an outage is no reason for a dead letter');
  });

  it('has its TTL table again, and records', async () => {
    await scene.kubectl.until('the TTL table', 60, async () => {
      return /Active/.test((await shop.get(ttlTableKey(KEY_PREFIX))) ?? '');
    });
    await scene.kubectl.until('records', 60, () => shop.readIntoCache(ids));
    assert.deepEqual(await shop.stale(ids), []);
  });
});

describe('an operator that is killed', () => {
  it('leaves workers that go on, and another takes over and makes nothing anew', async () => {
    const [ids, owned, pods] = [await cachedOrders(100), await policy.owned(), await policy.untilWorkers(2)];
    assert.equal(Object.keys(owned).length, 5);
    const leader = await holder();
    await kill(OPERATOR_NAMESPACE, [leader]);
    await shop.change('mes', ids, 'PRODUCED');
    await scene.kubectl.until('events have their effect', 120, async () => {
      const records = [...(await shop.records(ids)).values()];
      return records.every(({ status }) => status === 'PRODUCED');
    });
    await scene.kubectl.until('another leads', 60, async () => ![leader, ''].includes(await holder()));
    await policy.patch({ ttl: { defaultSeconds: 1234 } });
    await policy.ready();
    assert.deepEqual(await policy.owned(), owned);
    const uids = (workers: readonly Pod[]) => workers.map(({ metadata }) => metadata.uid).sort();
    assert.deepEqual(uids(await policy.untilWorkers(2)), uids(pods));
  });
});

/** Name of the operator pod that leads. */
async function holder(): Promise<string> {
  const path = 'jsonpath={.spec.holderIdentity}';
  const lease = ['get', 'lease', 'order-cache-operator', '-n', OPERATOR_NAMESPACE, '-o', path];
  return (await scene.kubectl.run(lease)).split('_')[0] ?? '';
}
