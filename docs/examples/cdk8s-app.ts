/** A policy for each region from a cdk8s app: `node cdk8s-app.ts > policies.yaml`. */
import { App, Chart } from 'cdk8s';
import { OrderCachePolicy } from 'order-cache-operator/cdk8s';

interface Region {
  readonly namespace: string;
  readonly maxReplicas: number;
}

/** The policies of all regions as one stream of YAML. Throws where a policy does not fit the schema. */
export function policies(regions: readonly Region[]): string {
  const app = new App();
  for (const { namespace, maxReplicas } of regions) {
    const chart = new Chart(app, namespace, { namespace });
    new OrderCachePolicy(chart, 'orders', {
      metadata: { name: 'orders' },
      spec: {
        rabbitmq: {
          connectionSecretRef: { name: 'rabbitmq' },
          managementSecretRef: { name: 'rabbitmq-admin' },
          exchanges: [{ name: 'mes' }, { name: 'crm' }],
          bindings: [
            { exchange: 'mes', routingKey: 'mes.order.status.#' },
            { exchange: 'crm', routingKey: 'crm.order.status.#' },
          ],
        },
        redis: { connectionSecretRef: { name: 'redis' } },
        database: { connectionSecretRef: { name: 'orders-db' } },
        ttl: { statuses: [{ status: 'DELIVERED', seconds: 600 }] },
        scaling: { maxReplicas },
      },
    });
  }
  return app.synthYaml();
}

if (import.meta.main) {
  console.log(
    policies([
      { namespace: 'shop-eu', maxReplicas: 20 },
      { namespace: 'shop-us', maxReplicas: 10 },
    ]),
  );
}
