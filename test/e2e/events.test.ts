import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { HEADERS } from '../../api/names.ts';
import { POLICY, type Pod, QUEUE, WORKERS } from './policy.ts';
import { NAMESPACE } from './scene.ts';
import { setStage } from './stage.ts';

/** One policy on a real cluster, and what its events do to the cache. The tests follow each other. */

const { scene, policy, shop, broker } = await setStage({ after });
let cached: string[];
let uncached: string[];

before(() => policy.apply());

describe('a policy applied with kubectl', () => {
  it('becomes Ready, and so does its maintenance pod', async () => {
    await policy.ready();
    // Ready does not depend on the maintenance pod, which may start later than the workers.
    await policy.untilTrue('MaintenanceReady');
    const { status } = await policy.get();
    const told = status.conditions.map(({ type, status: is }) => `${type}=${is}`).sort();
    assert.deepEqual(
      told.filter((one) => !one.startsWith('ScalingActive')),
      [
        'CacheReady=True',
        'MaintenanceReady=True',
        'Ready=True',
        'Reconciling=False',
        'Stalled=False',
        'TopologyReady=True',
        'WorkersReady=True',
      ],
    );
  });

  it('is shown by kubectl with its numbers', async () => {
    await scene.kubectl.until('numbers', 60, async () => (await policy.get()).status.backlog === 0);
    const [head, line] = (await scene.kubectl.run(['get', 'ocp', POLICY, '-n', NAMESPACE])).split('\n');
    assert.match(head ?? '', /^NAME +READY +REASON +STRATEGY +REPLICAS +BACKLOG +DEAD-LETTERS +AGE$/);
    assert.match(line ?? '', /^orders +True +Ready +WriteThrough +1 +0 +0 +\S+$/);
  });

  it('has worker pods that are restricted and know nothing of the management account', async () => {
    const [pod] = await policy.untilWorkers(1);
    assert.ok(pod);
    assert.deepEqual(secretsOf(pod), ['orders-db', 'rabbitmq', 'redis']);
    assert.ok(!pod.spec.volumes.some(({ projected }) => projected), 'no service account token is mounted');
    assert.equal(pod.spec.securityContext.runAsNonRoot, true);
    const [container] = pod.spec.containers;
    assert.equal(container?.securityContext.readOnlyRootFilesystem, true);
    assert.deepEqual(container?.securityContext.capabilities, { drop: ['ALL'] });
    assert.ok(!JSON.stringify(container?.env).includes('secret'), 'no Secret in the environment');
  });
});

function secretsOf({ spec }: Pod): string[] {
  return spec.volumes.flatMap(({ secret }) => secret?.secretName ?? []).sort();
}

describe('events of MES and CRM', () => {
  before(async () => {
    [cached, uncached] = [await shop.makeOrders(300), await shop.makeOrders(100)];
    await scene.kubectl.until('the orders are cached', 60, () => shop.readIntoCache(cached));
  });

  it('bring the records of cached orders to their rows, and leave other orders alone', async () => {
    await Promise.all([
      shop.change('mes', [...cached.slice(0, 150), ...uncached.slice(0, 50)], 'IN_PRODUCTION'),
      shop.change('crm', [...cached.slice(150), ...uncached.slice(50)], 'CONFIRMED'),
    ]);
    await scene.kubectl.until('every record equals its row', 60, async () => {
      const records = await shop.records(cached);
      return [...records.values()].every(({ version }) => version === '2');
    });
    assert.deepEqual(await shop.stale(cached), []);
    assert.equal((await shop.records(cached)).size, cached.length);
    assert.equal((await shop.records(uncached)).size, 0);
  });

  it('are dead-lettered with the reason when they are malformed, and only then', async () => {
    const messageId = await shop.publishMalformed('mes');
    const letters = `${QUEUE}.dead`;
    await scene.kubectl.until('a dead letter', 60, async () => (await broker.ready(letters)) === 1);
    const [letter] = await broker.headers(letters);
    assert.equal(letter?.messageId, messageId);
    assert.equal(letter?.headers[HEADERS.reason], 'InvalidJson');
    assert.equal(letter?.headers[HEADERS.queue], QUEUE);
  });
});

describe('an edited policy', () => {
  it('gives records their new time-to-live without a restart of workers', async () => {
    const pods = uidsOf(await policy.untilWorkers(1));
    await policy.patch({ ttl: { jitterPercent: 0, statuses: [{ status: 'SHIPPED', seconds: 120 }] } });
    const [probe = '', ...others] = cached;
    await scene.kubectl.until('a record with the new TTL', 60, async () => {
      await shop.change('crm', [probe], 'SHIPPED');
      const record = (await shop.records([probe])).get(probe);
      return record !== undefined && record.status === 'SHIPPED' && record.secondsToLive <= 120;
    });
    assert.deepEqual(uidsOf(await policy.untilWorkers(1)), pods);
    const untouched = [...(await shop.records(others)).values()];
    assert.ok(untouched.every(({ secondsToLive }) => secondsToLive > 600));
  });

  it('rolls the workers over to another strategy, and is Ready when they have it', async () => {
    const [before] = await policy.untilWorkers(1);
    await policy.patch({ strategy: 'ReadThrough' });
    await policy.ready();
    const [pod] = await policy.readyWorkers();
    assert.notEqual(pod?.metadata.uid, before?.metadata.uid);
    const config = await scene.kubectl.run(['get', 'configmap', WORKERS, '-n', NAMESPACE, '-o', 'json']);
    assert.match(config, /\\"strategy\\": ?\\"ReadThrough\\"/);
    await policy.untilWorkers(1);
  });

  it('drops records in ReadThrough, which the next read loads again', async () => {
    const ids = cached.slice(0, 100);
    await shop.change('mes', ids, 'PRODUCED');
    await scene.kubectl.until('records are dropped', 60, async () => (await shop.records(ids)).size === 0);
    await scene.kubectl.until('they are cached again', 60, () => shop.readIntoCache(ids));
    assert.deepEqual(await shop.stale(cached), []);
  });
});

function uidsOf(pods: readonly Pod[]): string[] {
  return pods.map(({ metadata }) => metadata.uid).sort();
}
