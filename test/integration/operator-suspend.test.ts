import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { quietOutside } from './operator-outside.ts';
import { condition, eventually, existing, type Json, policy } from './operator-scene.ts';
import { operatorWorld } from './operator-world.ts';

const { scene, at, readyPolicy } = await operatorWorld({ after });
const outside = quietOutside();
const start = () => scene.operator({ outside: () => outside });

const TYPES = ['Ready', 'TopologyReady', 'CacheReady', 'WorkersReady'] as const;
type Told = Partial<Record<(typeof TYPES)[number], string>>;

/** Waits until the conditions of this generation say so; those that are not named are True. */
async function says(name: string, told: Told): Promise<void> {
  await eventually(`${name} says ${JSON.stringify(told)}`, async () => {
    const object = await existing(scene, at(name));
    const expected = TYPES.map((type) => `${type} ${told[type] ?? 'True'}`);
    assert.deepEqual(
      TYPES.map((type) => toldBy(object, type)),
      expected,
    );
  });
}

function toldBy(object: Json, type: string): string {
  const seen = condition(object, type);
  const isCurrent = seen?.observedGeneration === object.metadata.generation;
  return `${type} ${isCurrent ? seen?.status : 'of an earlier generation'}`;
}

const edit = (name: string, spec: object) => scene.patch(at(name), { spec });
const { rabbitmq } = policy(scene.namespace, 'any').spec as { rabbitmq: object };
const moreBindings = { ...rabbitmq, bindings: [{ exchange: 'mes', routingKey: 'other.#' }] };

test('an edit of a suspended policy leaves Unknown what it is about, until it is reverted or goes on', async () => {
  const operator = await start();
  const name = 'edited';
  await readyPolicy(name);
  await edit(name, { suspend: true });
  await says(name, {});

  await edit(name, { rabbitmq: moreBindings });
  await says(name, { Ready: 'False', TopologyReady: 'Unknown' });
  const seen = condition(await existing(scene, at(name)), 'TopologyReady');
  assert.equal(seen?.reason, 'Suspended');
  assert.equal(seen?.message, 'spec.suspend is true: the spec as it is now has not been looked at');

  await edit(name, { rabbitmq, ttl: { defaultSeconds: 61 } });
  await says(name, { Ready: 'False', CacheReady: 'Unknown' });
  await edit(name, { ttl: { defaultSeconds: 3600 }, workers: { nodeSelector: { disk: 'ssd' } } });
  await says(name, { Ready: 'False', WorkersReady: 'Unknown' });
  await edit(name, { workers: { nodeSelector: null } });
  await says(name, {});
  assert.equal(outside.calls.filter((call) => call === `declare ${name}`).length, 1, 'nobody has looked');

  await edit(name, { rabbitmq: moreBindings });
  await says(name, { Ready: 'False', TopologyReady: 'Unknown' });
  await edit(name, { suspend: false });
  await says(name, {});
  await operator.stop();
});

test('a suspended policy stays Ready when the operator is replaced, and when somebody scales it then', async () => {
  const first = await start();
  const name = 'kept';
  await readyPolicy(name);
  await edit(name, { suspend: true });
  await says(name, {});
  await first.stop();
  await start();
  await edit(name, { scaling: { maxReplicas: 11 } });
  await says(name, {});
});
