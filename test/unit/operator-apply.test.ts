import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applySteps } from '../../operator/apply.ts';
import { DEPLOYMENT, type Deployment } from '../../operator/kubernetes-objects.ts';
import { Memories } from '../../operator/memory.ts';
import type { Seen } from '../../operator/observe.ts';
import type { World } from '../../operator/world.ts';

function deployment(image: string, replicas: number, generation: number, policyGeneration = '1'): Deployment {
  const annotations = { 'ordercache.io/generation': policyGeneration };
  const containers = [{ name: 'worker', image }];
  return {
    apiVersion: DEPLOYMENT.apiVersion,
    kind: DEPLOYMENT.kind,
    metadata: { namespace: 'shop', name: 'orders-cache-sync', generation, annotations },
    spec: { replicas, selector: {}, template: { spec: { containers } } },
  };
}

/** One step for the Deployment, and one for that of the maintenance pod, in a cluster where it is `found` and where so many others roll. */
async function applied(found: Deployment, desired: Deployment, rolling = 0, maintenance?: Deployment) {
  const writes: string[] = [];
  const written = (how: string) => async () => {
    writes.push(how);
    return { ...desired, metadata: { ...desired.metadata, generation: 7 } };
  };
  const store = { learn: () => undefined, values: () => Array(rolling).fill(deployment('x', 1, 1)) };
  const world = {
    client: {
      apply: written('apply'),
      mergePatch: async (...[, , , patch]: unknown[]) => {
        writes.push(`patch ${JSON.stringify(patch)}`);
        return { ...found, spec: { ...found.spec, replicas: desired.spec?.replicas } };
      },
    },
    stores: { deployments: store, owned: () => store },
    log: { info: () => undefined },
  } as unknown as World;
  const memory = new Memories().of('uid');
  const seen = {
    policy: { metadata: { name: 'orders' } },
    memory,
    deployment: found,
    found: new Map(),
  } as unknown as Seen;
  const outdated = (object: Deployment) => ({
    desired: { kind: DEPLOYMENT, object },
    difference: { kind: 'Outdated' } as const,
  });
  const steps = [outdated(desired), ...(maintenance ? [outdated(maintenance)] : [])];
  const result = await applySteps(world, { ...seen, maintenance }, steps);
  return { result, writes, memory };
}

test('a number of replicas in the spec, as an HPA sets it, is no change of the pods', async () => {
  const { memory } = await applied(deployment('a', 1, 6, '1'), deployment('a', 3, 6, '2'));
  assert.equal(memory.templateGeneration, undefined);
  const other = await applied(deployment('a', 1, 6, '1'), deployment('b', 1, 6, '2'));
  assert.equal(other.memory.templateGeneration, 7);
});

test('a Deployment whose pods wait for their turn after an upgrade is scaled all the same', async () => {
  const { result, writes } = await applied(deployment('old', 1, 6), deployment('new', 8, 6), 5);
  assert.equal(result.held, true);
  assert.deepEqual(writes, ['patch {"spec":{"replicas":8}}']);
  assert.equal(result.deployment?.spec?.replicas, 8);
  const calm = await applied(deployment('old', 8, 6), deployment('new', 8, 6), 5);
  assert.deepEqual(calm.writes, []);
});

test('the maintenance pod is replaced in the turn of its workers, and is none of them', async () => {
  const worker = deployment('old', 1, 6);
  const maintenance = { ...worker, metadata: { ...worker.metadata, name: 'orders-maintenance' } };
  const held = await applied(deployment('old', 1, 6), deployment('new', 1, 6), 5, maintenance);
  assert.deepEqual(held.writes, []);
  const free = await applied(deployment('old', 1, 6), deployment('new', 1, 6), 0, maintenance);
  assert.deepEqual(free.writes, ['apply', 'apply']);
});
