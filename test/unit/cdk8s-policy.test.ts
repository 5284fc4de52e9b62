import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import type { policySpec } from '../../api/policy-spec.ts';
import type { Input } from '../../api/schema.ts';
import { OrderCachePolicy, type OrderCachePolicySpecInput } from '../../cdk8s/index.ts';
import { type Fields, merge, refusals } from '../fixtures/refused-policies.ts';

const spec: OrderCachePolicySpecInput = {
  rabbitmq: {
    connectionSecretRef: { name: 'rabbitmq' },
    managementSecretRef: { name: 'rabbitmq-admin' },
    exchanges: [{ name: 'mes' }],
    bindings: [{ exchange: 'mes' }],
  },
  redis: { connectionSecretRef: { name: 'redis' } },
  strategy: 'ReadThrough',
};

function synthesise(given: unknown, name = 'orders'): unknown {
  const app = new App();
  new OrderCachePolicy(new Chart(app, 'chart'), 'policy', {
    metadata: { name, namespace: 'shop' },
    spec: given as OrderCachePolicySpecInput,
  });
  return parseAllDocuments(app.synthYaml()).map((document) => document.toJS())[0];
}

describe('the OrderCachePolicy construct', () => {
  it('synthesises the resource as it was written', () => {
    assert.deepEqual(synthesise(spec), {
      apiVersion: 'ordercache.io/v1alpha1',
      kind: 'OrderCachePolicy',
      metadata: { name: 'orders', namespace: 'shop' },
      spec,
    });
  });

  it('refuses at synthesis what the schema refuses, naming the field', () => {
    assert.throws(
      () => synthesise({ ...spec, strategy: 'WriteBack' }),
      /spec\.strategy: expected one of WriteThrough/,
    );
    assert.throws(
      () => synthesise({ ...spec, ttl: { defaultSeconds: 0 } }),
      /spec\.ttl\.defaultSeconds: must be >= 1, got 0/,
    );
    assert.throws(() => synthesise({ ...spec, tll: {} }), /spec\.tll: unknown field/);
    assert.throws(
      () => synthesise({ ...spec, redis: {} }),
      /spec\.redis\.connectionSecretRef: is required, got nothing/,
    );
  });

  it('refuses a name that is too long for its workers, or no DNS label', () => {
    synthesise(spec, 'p'.repeat(50));
    for (const name of ['p'.repeat(51), 'orders.eu', '-orders'])
      assert.throws(
        () => synthesise(spec, name),
        new RegExp(`metadata\\.name must be a DNS label of at most 50 characters.*, got "${name}"`),
      );
  });

  const valid = {
    ...spec,
    strategy: 'WriteThrough',
    database: { connectionSecretRef: { name: 'orders-db' } },
  };

  it('takes the policy that the refused ones differ from', () => {
    assert.ok(synthesise(valid));
  });

  // The API server is held to the same table by test/integration/operator-crd.test.ts.
  for (const [situation, changes, field] of refusals)
    it(`refuses ${situation} as the API server does, naming ${field}`, () => {
      const given = merge(structuredClone(valid) as Fields, changes);
      assert.throws(
        () => synthesise(given),
        ({ message }: Error) => message.includes(`${field}`) && message.includes(', got '),
      );
    });

  it('says what was expected and what came', () => {
    const given = { ...spec, scaling: { minReplicas: 11 } };
    assert.throws(
      () => synthesise(given),
      /spec\.scaling\.minReplicas: must not be above scaling\.maxReplicas, got 11/,
    );
  });
});

type Plain<T> = T extends readonly (infer E)[]
  ? Plain<E>[]
  : T extends object
    ? { [K in keyof T]: Plain<T[K]> }
    : T;
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Held by `make types`: the generated type is the type of the schema. */
export const same: Same<Plain<OrderCachePolicySpecInput>, Plain<Input<typeof policySpec>>> = true;
