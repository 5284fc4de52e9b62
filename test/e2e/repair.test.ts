import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { PolicyOnCluster, WORKERS } from './policy.ts';
import { NAMESPACE, openScene, type Scene } from './scene.ts';

/** What people do by hand to the objects that a policy owns. */

let scene: Scene;
let policy: PolicyOnCluster;

before(async () => {
  scene = await openScene();
  policy = new PolicyOnCluster(scene.kubectl);
  await policy.apply({ scaling: { minReplicas: 0, maxReplicas: 1 } });
  await policy.ready();
});
after(() => policy.delete());

it('owned objects that were edited are soon as before', async () => {
  const template = () => read('deployment', '{.spec.template}');
  const [before, owned] = [await template(), await policy.owned()];
  const env = [{ op: 'add', path: '/spec/template/spec/containers/0/env/0/value', value: '/elsewhere' }];
  await edit('deployment', ['--type=json', '-p', JSON.stringify(env)]);
  await edit('configmap', ['--type=merge', '-p', JSON.stringify({ data: { 'config.json': '{}' } })]);
  await edit('poddisruptionbudget', ['--type=merge', '-p', JSON.stringify({ spec: { maxUnavailable: 7 } })]);
  await scene.kubectl.until('they are repaired', 120, async () => {
    const config = await read('configmap', '{.data.config\\.json}');
    const budget = await read('poddisruptionbudget', '{.spec.maxUnavailable}');
    return (await template()) === before && config.length > 2 && budget === '1';
  });
  assert.deepEqual(await policy.owned(), owned);
});

it('owned objects that were deleted are soon there again', async () => {
  const before = await policy.owned();
  const names = Object.keys(before).map((name) => name.toLowerCase());
  await scene.kubectl.run(['delete', '-n', NAMESPACE, '--wait=false', ...names]);
  await scene.kubectl.until('they are there again', 120, async () => {
    const now = await policy.owned();
    const isNew = (name: string) => now[name] !== undefined && now[name] !== before[name];
    return Object.keys(before).every(isNew);
  });
  await policy.ready();
});

function on(kind: string): string[] {
  return [kind, WORKERS, '-n', NAMESPACE];
}

async function edit(kind: string, patch: readonly string[]): Promise<void> {
  await scene.kubectl.run(['patch', ...on(kind), ...patch]);
}

function read(kind: string, path: string): Promise<string> {
  return scene.kubectl.run(['get', ...on(kind), '-o', `jsonpath=${path}`]);
}
