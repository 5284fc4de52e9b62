import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubernetesError, type ListPage } from '../../operator/kubernetes-client.ts';
import type { Kind } from '../../operator/kubernetes-objects.ts';
import { uninstallRefusal } from '../../operator/uninstall-check.ts';
import { policyWith } from './operator-policy.ts';

const policy = (namespace: string, name: string) => policyWith({ metadata: { namespace, name } });

/** An API server with these policies, two on a page. */
function withPolicies(...policies: ReturnType<typeof policyWith>[]) {
  return {
    async listPage(_: Kind, namespace: string | undefined, query: Record<string, string>): Promise<ListPage> {
      const matching = policies.filter(
        ({ metadata }) => namespace === undefined || metadata.namespace === namespace,
      );
      const start = Number(query.continue ?? 0);
      const next = start + 2 < matching.length ? `${start + 2}` : undefined;
      return { items: matching.slice(start, start + 2), resourceVersion: '1', next };
    },
  };
}

const failing = (error: Error) => ({ listPage: () => Promise.reject(error) });

test('an uninstall is not refused without policies in the watched namespaces', async () => {
  assert.equal(await uninstallRefusal(withPolicies(policy('other', 'a')), ['shop', 'returns']), undefined);
});

test('an uninstall is refused in one line that names the policies', async () => {
  const refusal = await uninstallRefusal(
    withPolicies(policy('shop', 'b'), policy('shop', 'a'), policy('x', 'c')),
    ['shop'],
  );
  assert.match(
    refusal ?? '',
    /^uninstall refused: OrderCachePolicies exist: shop\/a, shop\/b\. [^\n]*--no-hooks$/,
  );
});

test('an uninstall of a cluster-wide installation is refused for policies of every namespace', async () => {
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => policy(name, 'orders'));
  const refusal = await uninstallRefusal(withPolicies(...many), []);
  assert.match(refusal ?? '', /exist: a\/orders, b\/orders, c\/orders, d\/orders, e\/orders and 2 more\./);
});

test('an uninstall is not refused without the definition of policies', async () => {
  const missing = failing(new KubernetesError('NotFound', 'API server answered 404'));
  assert.equal(await uninstallRefusal(missing, ['shop']), undefined);
});

test('an uninstall fails when policies cannot be listed', async () => {
  const forbidden = failing(new KubernetesError('Forbidden', 'API server answered 403'));
  await assert.rejects(uninstallRefusal(forbidden, ['shop']), /403/);
});
