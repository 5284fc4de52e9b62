import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import {
  definitionStays,
  inNoNamespace,
  leaving,
  MARK,
  marked,
  reference,
  refusal,
} from '../../demo/claim.ts';
import type { KubeObject } from '../../demo/kubectl.ts';
import { serverManifests } from '../../demo/manifests.ts';
import { clusterScope, installation } from '../../demo/manifests-operator.ts';

const mark = { [MARK.label]: MARK.value };

function object(kind: string, name: string, labels?: Record<string, string>): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, ...(labels === undefined ? {} : { labels }) } };
}

const definition = (labels?: Record<string, string>) =>
  object('CustomResourceDefinition', 'things.example.com', labels);

describe('The demo begins in a cluster of the user', () => {
  const table: readonly [string, KubeObject[]][] = [
    ['nothing of its names is there', []],
    ['an earlier demo is there', [object('Namespace', 'shop', mark), definition(mark)]],
    ['others have put labels beside the mark', [object('Namespace', 'shop', { ...mark, team: 'a' })]],
  ];
  for (const [when, found] of table) {
    it(`when ${when}`, () => assert.equal(refusal('theirs', found), undefined));
  }
});

describe('The demo refuses a cluster of the user', () => {
  const installed = { 'app.kubernetes.io/instance': 'order-cache-operator' };
  const table: readonly [string, KubeObject, RegExp][] = [
    ['a namespace', object('Namespace', 'shop'), /namespace\/shop: expected .* found no such label/],
    [
      'a definition',
      definition({}),
      /customresourcedefinition\/things\.example\.com: expected .* no such label/,
    ],
    ["a ClusterRole of the user's installation", object('ClusterRole', 'a', installed), /clusterrole\/a: /],
    ['a ClusterRoleBinding', object('ClusterRoleBinding', 'b'), /clusterrolebinding\/b: /],
    [
      'a namespace that is marked as something else',
      object('Namespace', 'shop', { [MARK.label]: 'false' }),
      /found order-cache-demo=false/,
    ],
  ];
  for (const [what, found, said] of table) {
    it(`for ${what} without the mark`, () => {
      const text = refusal('theirs', [object('Namespace', 'other', mark), found]) ?? '';
      assert.match(text, /^context theirs: /);
      assert.match(text, said);
      assert.match(text, /expected the demo's label order-cache-demo=true/);
      assert.ok(
        text.includes(`kubectl --context theirs label --overwrite ${reference(found)} order-cache-demo=true`),
        text,
      );
      assert.ok(!text.includes('namespace/other'), text);
    });
  }
});

describe('Clean', () => {
  const theirs = [
    object('Namespace', 'shop'),
    definition({ 'app.kubernetes.io/instance': 'order-cache-operator' }),
    object('ClusterRole', 'r', { 'app.kubernetes.io/instance': 'order-cache-operator' }),
    object('ClusterRoleBinding', 'r', { [MARK.label]: 'no' }),
  ];

  it('deletes nothing that does not carry the mark, and says so of each', () => {
    const { kept, ...deleted } = leaving(theirs);
    assert.deepEqual(deleted, { policies: [], namespaces: [], rights: [], definitions: [] });
    assert.deepEqual(
      kept.map((sentence) => sentence.split(':')[0]),
      theirs.map((each) => `${reference(each)} stays`),
    );
  });

  it('deletes what carries it: policies, namespaces, rights, definitions', () => {
    const ours = theirs.map(({ kind, metadata }) => object(kind, metadata.name, mark));
    assert.deepEqual(leaving(ours), {
      policies: [{ resource: 'things.example.com', namespace: 'shop' }],
      namespaces: ['namespace/shop'],
      rights: ['clusterrole/r', 'clusterrolebinding/r'],
      definitions: [definition(mark)],
      kept: [],
    });
  });

  it("deletes the demo's policies of a definition of others, and leaves the definition", () => {
    const { policies, definitions } = leaving([object('Namespace', 'shop', mark), definition()]);
    assert.deepEqual(policies, [{ resource: 'things.example.com', namespace: 'shop' }]);
    assert.deepEqual(definitions, []);
  });

  it("leaves policies in a namespace that is not the demo's", () => {
    assert.deepEqual(leaving([object('Namespace', 'shop'), definition(mark)]).policies, []);
  });

  it('has nothing to do where nothing is', () => {
    assert.deepEqual(leaving([]), { policies: [], namespaces: [], rights: [], definitions: [], kept: [] });
  });
});

describe('A definition of the demo', () => {
  const named = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ name: `p${n}`, namespace: 'a' }));
  const table: readonly [string, KubeObject['metadata'][], RegExp | undefined][] = [
    ['goes when nobody has made one', [], undefined],
    ['stays while someone has one', named(1), /things\.example\.com stays, .* delete a\/p0$/],
    ['stays for objects in no namespace, too', [{ name: 'x' }], /delete x$/],
    ['stays for many, of which five are named', named(7), /a\/p0, .*, a\/p4, and 2 more$/],
  ];
  for (const [sentence, left, said] of table) {
    it(sentence, () => {
      const stays = definitionStays(definition(mark), left);
      if (said === undefined) assert.equal(stays, undefined);
      else assert.match(stays ?? '', said);
    });
  }
});

test('whatever the demo makes in no namespace is known, and carries the mark', () => {
  assert.deepEqual(clusterScope().map(reference).sort(), [
    'clusterrole/order-cache-system-order-cache-operator-policies',
    'clusterrolebinding/order-cache-system-order-cache-operator-policies',
    'customresourcedefinition/ordercachepolicies.ordercache.io',
    'namespace/order-cache-system',
    'namespace/shop',
  ]);
  const { namespaces, definitions, objects } = installation('registry/name:tag');
  const applied = [...namespaces, ...definitions, ...objects, ...marked(serverManifests())];
  for (const each of applied.filter(inNoNamespace)) {
    assert.equal(each.metadata.labels?.[MARK.label], MARK.value, reference(each));
    assert.ok(clusterScope().map(reference).includes(reference(each)), reference(each));
  }
});

test('the mark takes no other label away, and objects in a namespace do not get it', () => {
  const inside = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'shop' } };
  assert.deepEqual(marked([object('Namespace', 'shop', { enforce: 'restricted' }), inside]), [
    object('Namespace', 'shop', { enforce: 'restricted', ...mark }),
    inside,
  ]);
});
