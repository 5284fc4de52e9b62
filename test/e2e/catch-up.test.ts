import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { NAMESPACE } from './scene.ts';
import { setStage } from './stage.ts';

const { scene, policy, shop } = await setStage({ after });

before(async () => {
  await policy.apply({ scaling: { minReplicas: 0, maxReplicas: 1 } });
  await policy.ready();
});

it('orders whose events were lost are put right on request, while there is no worker', async () => {
  const ids = await shop.makeOrders(200);
  await policy.untilTrue('MaintenanceReady');
  await scene.kubectl.until('the orders are cached', 60, () => shop.readIntoCache(ids));
  await shop.changeUnheard(ids, 'LOST');
  assert.equal((await shop.stale(ids)).length, ids.length);
  assert.equal((await policy.workers()).length, 0);

  const annotation = `ordercache.io/catch-up=${Date.now()}`;
  await scene.kubectl.run(['annotate', 'ocp', 'orders', '-n', NAMESPACE, '--overwrite', annotation]);
  await scene.kubectl.until('nothing is stale', 60, async () => (await shop.stale(ids)).length === 0);
  assert.equal((await shop.records(ids)).size, ids.length, 'they are written, not dropped');
  await scene.kubectl.until('the status says so', 120, async () => {
    const seen = (await policy.get()).status.catchUp;
    return seen?.state === 'Completed' && seen.trigger === 'Requested' && seen.updated >= ids.length;
  });
  assert.match((await policy.notes('CatchUpStarted')).join(), /ordercache\.io\/catch-up has another value/);
  assert.match((await policy.notes('CatchUpCompleted')).join(), /orders in Redis were compared/);
});
