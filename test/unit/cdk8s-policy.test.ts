import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { App, Chart } from 'cdk8s';
import { parseAllDocuments } from 'yaml';
import { OrderCachePolicy, type OrderCachePolicySpecInput } from '../../cdk8s/index.ts';
import { policies } from '../../docs/examples/cdk8s-app.ts';

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

function synthesise(given: unknown): unknown {
  const app = new App();
  new OrderCachePolicy(new Chart(app, 'chart'), 'policy', {
    metadata: { name: 'orders', namespace: 'shop' },
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
    assert.throws(() => synthesise({ ...spec, redis: {} }), /spec\.redis: .*connectionSecretRef/);
  });

  it('makes a policy for each region in the example', () => {
    const made = parseAllDocuments(
      policies([
        { namespace: 'shop-eu', maxReplicas: 20 },
        { namespace: 'shop-us', maxReplicas: 10 },
      ]),
    );
    assert.deepEqual(
      made.map((document) => [
        document.getIn(['metadata', 'namespace']),
        document.getIn(['spec', 'scaling', 'maxReplicas']),
      ]),
      [
        ['shop-eu', 20],
        ['shop-us', 10],
      ],
    );
  });
});
