import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { MARK, marked, reference, refusal } from '../../demo/claim.ts';
import { Kubectl, type KubeObject } from '../../demo/kubectl.ts';
import { existing, leave } from '../../demo/users-cluster.ts';
import { ensureCluster } from '../cluster/index.ts';

/** What the demo refuses to take over, and what its leaving takes away. */

interface Guest {
  readonly kubectl: Kubectl;
  /** Of one name on the cluster, like the demo's: namespace, definition, ClusterRole and its binding. */
  readonly objects: readonly KubeObject[];
  readonly resource: string;
  readonly name: string;
  present(): Promise<string[]>;
  /** The sentences of leaving. */
  leave(): Promise<string[]>;
  thing(namespace: string): KubeObject;
}

async function guest(t: TestContext): Promise<Guest> {
  const kubectl = new Kubectl(await ensureCluster());
  const name = `ocp-${randomUUID().slice(0, 8)}`;
  const objects = objectsNamed(name);
  t.after(() => kubectl.run(['delete', ...objects.map(reference), '--ignore-not-found', '--wait=false']));
  return {
    kubectl,
    objects,
    name,
    resource: `things.${name}.example`,
    present: async () => (await existing(kubectl, objects)).map(reference),
    leave: async () => {
      const said: string[] = [];
      await leave(kubectl, objects, (sentence) => said.push(sentence));
      return said;
    },
    thing: (namespace) => ({
      apiVersion: `${name}.example/v1`,
      kind: 'Thing',
      metadata: { name: 'one', namespace },
    }),
  };
}

function objectsNamed(name: string): KubeObject[] {
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    definition(`${name}.example`),
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: { name }, rules: [] },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
    },
  ];
}

function definition(group: string): KubeObject {
  const names = { plural: 'things', singular: 'thing', kind: 'Thing' };
  const schema = { openAPIV3Schema: { type: 'object' } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `things.${group}` },
    spec: {
      group,
      names,
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  };
}

async function apply({ kubectl, resource, objects }: Guest, applied = objects): Promise<void> {
  await kubectl.apply(applied);
  await kubectl.run(['wait', '--for=condition=Established', `crd/${resource}`, '--timeout=30s']);
  await kubectl.until('the definition is served', 30, async () => {
    await kubectl.run(['get', resource, '-A']);
    return true;
  });
}

describe("The demo in a cluster of the user's", { concurrency: 3 }, () => {
  it('on an empty cluster there is nothing to refuse and nothing to take away', async (t) => {
    const there = await guest(t);
    assert.deepEqual(await existing(there.kubectl, there.objects), []);
    assert.deepEqual(await there.leave(), []);
  });

  it('one object of another makes the demo refuse, alone or beside others', async (t) => {
    const there = await guest(t);
    const [namespace, ...others] = there.objects;
    assert.ok(namespace);
    await there.kubectl.apply([namespace]);
    const alone = refusal('theirs', await existing(there.kubectl, there.objects));
    assert.match(alone ?? '', new RegExp(`namespace/${there.name}: expected .*, found no such label`));
    await there.kubectl.apply(marked(others));
    const beside = refusal('theirs', await existing(there.kubectl, there.objects));
    assert.equal(beside, alone);
  });

  it('what does not carry the mark is there when the demo has left, objects of its definition included', async (t) => {
    const there = await guest(t);
    await apply(there);
    await there.kubectl.apply([there.thing(there.name)]);
    const said = await there.leave();
    assert.deepEqual(
      said.map((sentence) => sentence.split(':')[0]),
      there.objects.map((object) => `${reference(object)} stays`),
    );
    assert.deepEqual(await there.present(), there.objects.map(reference));
    assert.match(await there.kubectl.run(['get', there.resource, '-n', there.name]), /\bone\b/);
  });

  it('what the demo has applied is gone when it has left; a second run of it is welcome before', async (t) => {
    const there = await guest(t);
    await apply(there, marked(there.objects));
    await there.kubectl.apply([there.thing(there.name)]);
    await apply(there, marked(there.objects));
    assert.equal(refusal('theirs', await existing(there.kubectl, there.objects)), undefined);
    assert.deepEqual(
      (await there.leave()).sort(),
      there.objects.map((object) => `${reference(object)} deleted`).sort(),
    );
    assert.deepEqual(await there.present(), []);
  });

  it("the demo's definition stays while others have objects of it, and goes with the next clean", async (t) => {
    const there = await guest(t);
    await apply(there, marked(there.objects));
    const theirs = `${there.name}-theirs`;
    t.after(() => there.kubectl.run(['delete', 'namespace', theirs, '--ignore-not-found', '--wait=false']));
    await there.kubectl.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: theirs } }]);
    await there.kubectl.apply([there.thing(there.name), there.thing(theirs)]);
    const said = await there.leave();
    assert.match(
      said.at(-1) ?? '',
      new RegExp(`things\\..* stays, since deleting it would delete ${theirs}/one$`),
    );
    assert.deepEqual(await there.present(), [`customresourcedefinition/${there.resource}`]);
    await there.kubectl.run(['delete', there.resource, 'one', '-n', theirs]);
    assert.deepEqual(await there.leave(), [`customresourcedefinition/${there.resource} deleted`]);
  });

  it('a label of the same name with another value is no mark', async (t) => {
    const there = await guest(t);
    const [namespace] = there.objects;
    assert.ok(namespace);
    const metadata = { ...namespace.metadata, labels: { [MARK.label]: 'false' } };
    await there.kubectl.apply([{ ...namespace, metadata }]);
    await there.leave();
    assert.deepEqual(await there.present(), [reference(namespace)]);
  });
});
