import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ttlTableKey } from '../../api/names.ts';
import type { KubeObject } from '../../demo/kubectl.ts';
import { BrokerByHand } from './broker.ts';
import { PolicyOnCluster, QUEUE, SPEC } from './policy.ts';
import { DOOMED_NAMESPACE, KEY_PREFIX, NAMESPACE, openScene, type Scene } from './scene.ts';
import { Shop } from './shop.ts';

/** How policies end. The tests follow each other. */

const DEAD = `${QUEUE}.dead`;
let scene: Scene;
let policy: PolicyOnCluster;
let shop: Shop;
let broker: BrokerByHand;
let ids: string[];

before(async () => {
  scene = await openScene();
  policy = new PolicyOnCluster(scene.kubectl);
  shop = new Shop(scene.connections);
  broker = new BrokerByHand(scene.connections);
  ids = await shop.makeOrders(50);
});
after(() => shop.close());

describe('a namespace that is deleted as a whole', () => {
  it('is not held up by its policy', async () => {
    const doomed = new PolicyOnCluster(scene.kubectl, DOOMED_NAMESPACE);
    await copySecrets();
    await doomed.apply({ rabbitmq: { ...SPEC.rabbitmq, queue: { name: `${QUEUE}.doomed` } } });
    await doomed.ready();
    await scene.kubectl.run(['delete', 'namespace', DOOMED_NAMESPACE, '--timeout=180s'], {
      timeoutSeconds: 190,
    });
    assert.ok((await broker.queues()).includes(`${QUEUE}.doomed`), 'Retain keeps its queue');
    assert.match((await shop.get(ttlTableKey(KEY_PREFIX))) ?? 'no table', /"state":"Retired"/);
  });

  it('leaves its key prefix to the next policy', async () => {
    await policy.apply();
    await policy.ready();
    assert.match((await shop.get(ttlTableKey(KEY_PREFIX))) ?? 'no table', /"state":"Active"/);
  });
});

describe('a policy that is deleted with deletionPolicy Retain', () => {
  it('leaves its queue bound, and no worker and no TTL table that readers would trust', async () => {
    await policy.apply();
    await policy.ready();
    await scene.kubectl.until('the orders are cached', 60, () => shop.readIntoCache(ids));
    await policy.delete();
    assert.deepEqual(await policy.owned(), {});
    assert.deepEqual(await broker.bindings(QUEUE), ['crm crm.order.status.#', 'mes mes.order.status.#']);
    assert.match((await shop.get(ttlTableKey(KEY_PREFIX))) ?? '', /Retired/);
    await shop.change('mes', ids, 'IN_PRODUCTION');
    assert.equal(await broker.ready(QUEUE), ids.length);
  });

  it('finds its queue with the messages when it is applied again', async () => {
    assert.equal((await shop.stale(ids)).length, ids.length, 'nobody has processed the events');
    await policy.apply({ deletionPolicy: 'Delete' });
    await policy.ready();
    await scene.kubectl.until('the events have their effect', 60, async () => {
      return (await broker.ready(QUEUE)) === 0 && (await shop.stale(ids)).length === 0;
    });
    assert.equal((await shop.records(ids)).size, ids.length);
    assert.match((await policy.notes('TopologyAdopted')).join(), new RegExp(`Adopted queue ${QUEUE} `));
  });
});

describe('a policy that is deleted with deletionPolicy Delete', () => {
  it('leaves nothing behind', async () => {
    await broker.purge(DEAD);
    await policy.delete();
    assert.deepEqual(await policy.owned(), {});
    const queues = await broker.queues();
    assert.deepEqual(
      queues.filter((name) => name === QUEUE || name === DEAD),
      [],
    );
    assert.deepEqual(await shop.redisKeys(`*${KEY_PREFIX}*`), []);
  });
});

/** The servers are the same, and so are the Secrets. */
async function copySecrets(): Promise<void> {
  const names = ['rabbitmq', 'rabbitmq-admin', 'redis', 'orders-db'];
  const { items } = await scene.kubectl.json<{ items: (KubeObject & { data: object })[] }>([
    'get',
    'secret',
    ...names,
    '-n',
    NAMESPACE,
  ]);
  await scene.kubectl.apply(
    items.map(({ apiVersion, kind, metadata, data }) => ({
      apiVersion,
      kind,
      metadata: { name: metadata.name, namespace: DOOMED_NAMESPACE },
      data,
    })),
  );
}
