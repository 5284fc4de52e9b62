import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { POLICY, QUEUE } from './policy.ts';
import { NAMESPACE } from './scene.ts';
import { setStage } from './stage.ts';

/**
 * The tests follow each other. Of a worker that it does not know the operator expects 1,000 events a second. Bindings
 * are looked at each minute: they are edited at the beginning, and the minute is used.
 */

const DECLARED = ['crm crm.order.status.#', 'mes mes.order.status.#'];
const { scene, policy, shop, broker } = await setStage({ after });

before(async () => {
  await policy.apply({
    scaling: { minReplicas: 0, maxReplicas: 3, targetDrainSeconds: 1, behavior: scaleDownAfter(600) },
  });
  await policy.ready();
  assert.deepEqual(await broker.bindings(QUEUE), DECLARED);
  await broker.unbind(QUEUE, 'crm', 'crm.order.status.#');
  await broker.bind(QUEUE, 'crm', 'crm.invoice.#');
});

/** The workers that a backlog has brought stay for so long when it is gone. */
function scaleDownAfter(stabilizationWindowSeconds: number) {
  return { scaleDown: { stabilizationWindowSeconds } };
}

describe('mode Auto', () => {
  it('is Ready without a worker where there is nothing to do', async () => {
    assert.equal((await policy.ready()).status.replicas, 0);
    assert.deepEqual(await policy.untilWorkers(0), []);
  });

  it('starts as many workers as the backlog needs, and lets them go when it is gone', async () => {
    const ids = await shop.makeOrders(4000);
    // Nobody scales meanwhile: the first worker would keep up with a slow shop, and no other would be needed.
    await policy.patch({ suspend: true });
    await scene.kubectl.until('it is suspended', 60, async () => {
      return (await policy.condition('Ready'))?.reason === 'Suspended';
    });
    await shop.change('mes', ids, 'IN_PRODUCTION');
    assert.equal(await broker.ready(QUEUE), ids.length);
    await policy.patch({ suspend: false });
    await policy.untilWorkers(3);
    await scene.kubectl.until('the backlog is gone', 120, async () => (await broker.ready(QUEUE)) === 0);
    await policy.patch({ scaling: { behavior: scaleDownAfter(5) } });
    await policy.untilWorkers(0);
    const told = await policy.notes('Scaled');
    const steps = told.map((note) => /^Scaled the workers from \d+ to (\d+): ceil\(/.exec(note)?.[1]);
    assert.ok(steps.includes('3') && steps.includes('0'), told.join('\n'));
    await policy.ready();
  });
});

describe('mode Manual', () => {
  it('keeps the number that runs, and writes it into the spec', async () => {
    await policy.patch({ scaling: { minReplicas: 1 } });
    const pods = await policy.untilWorkers(1);
    await policy.patch({ scaling: { mode: 'Manual' } });
    await scene.kubectl.until('the number is in the spec', 60, async () => {
      return (await policy.get()).spec.scaling?.replicas === 1;
    });
    await policy.ready();
    assert.equal((await policy.untilWorkers(1))[0]?.metadata.uid, pods[0]?.metadata.uid);
  });

  it('follows kubectl scale, and stays Ready meanwhile', async () => {
    const statuses: string[] = [];
    const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{"\\n"}';
    const watch = scene.kubectl.follow(
      ['get', 'ocp', POLICY, '-n', NAMESPACE, '--watch', '-o', path],
      (line) => statuses.push(line),
    );
    try {
      await scene.kubectl.until('the watch shows the policy', 60, async () => statuses.length > 0);
      await kubectlScale(2);
      await policy.untilWorkers(2);
      await scene.kubectl.until('/scale says 2', 60, async () => (await scale()).status.replicas === 2);
      await kubectlScale(1);
      await policy.untilWorkers(1);
      await scene.kubectl.until('/scale says 1', 60, async () => (await scale()).status.replicas === 1);
      // Both edits of the number, and what came of them.
      await scene.kubectl.until('the watch has seen it', 60, async () => statuses.length > 2);
    } finally {
      watch.kill();
    }
    assert.deepEqual([...new Set(statuses)], ['True']);
  });
});

describe('mode Auto again', () => {
  it('ignores the number in the spec, leaves it there, and says so', async () => {
    await kubectlScale(3);
    await policy.untilWorkers(3);
    await policy.patch({ scaling: { mode: 'Auto' } });
    await policy.untilWorkers(1);
    assert.equal((await policy.get()).spec.scaling?.replicas, 3);
    await scene.kubectl.until('an event', 60, async () => (await policy.notes('ReplicasIgnored')).length > 0);
    assert.deepEqual(await policy.notes('ReplicasIgnored'), [
      'spec.scaling.replicas is ignored while spec.scaling.mode is Auto',
    ]);
  });
});

describe('bindings that were edited by hand', () => {
  it('are as declared after a minute', async () => {
    await scene.kubectl.until('the bindings are repaired', 90, async () => {
      return JSON.stringify(await broker.bindings(QUEUE)) === JSON.stringify(DECLARED);
    });
  });
});

async function kubectlScale(replicas: number): Promise<void> {
  await scene.kubectl.run(['scale', `ocp/${POLICY}`, '-n', NAMESPACE, `--replicas=${replicas}`]);
}

interface Scale {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly replicas: number; readonly selector: string };
}

async function scale(): Promise<Scale> {
  const path = `/apis/ordercache.io/v1alpha1/namespaces/${NAMESPACE}/ordercachepolicies/${POLICY}/scale`;
  return JSON.parse(await scene.kubectl.run(['get', '--raw', path])) as Scale;
}
