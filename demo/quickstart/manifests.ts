import { App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { outboxDocument } from '../../build/outbox-sql.ts';
import { installManifests } from '../../cdk8s/manifests.ts';
import { USUAL_SECRETS } from '../../cdk8s/values-schema.ts';
import { publicServerImages } from '../../test/cluster/cluster-kind.ts';
import { marked } from '../claim.ts';
import type { KubeObject } from '../kubectl.ts';
import { type Account, type Accounts, accountsOf } from '../manifests-accounts.ts';
import { postgresServer } from '../manifests-postgres.ts';
import { rabbitmqServer } from '../manifests-rabbitmq.ts';
import { redisServer } from '../manifests-redis.ts';
import { addServer, type Server } from '../manifests-server.ts';

/** Of everything that the quickstart makes in a namespace. */
export const QUICKSTART_NAMESPACE = 'order-cache-quickstart';

const KEY_PREFIX = 'order:';
const ACCOUNTS: readonly Account[] = ['worker', 'operator', 'mes', 'readers', 'relay'];

/** The outbox's Secrets, which the policy of the quickstart refers to beside the usual ones. */
const OUTBOX_SECRETS = { rabbitmq: 'outbox-rabbitmq', database: 'outbox-db' } as const;

/** Namespace, CustomResourceDefinition and operator. What is in no namespace carries the demo's mark. */
export function operatorObjects(): KubeObject[] {
  const secretNames = [...USUAL_SECRETS, ...Object.values(OUTBOX_SECRETS)];
  const manifests = installManifests(
    {
      watchNamespaces: [{ name: QUICKSTART_NAMESPACE, secretNames }],
      installation: 'quickstart',
      replicaCount: 1,
    },
    { namespace: QUICKSTART_NAMESPACE },
  );
  return marked(manifests as KubeObject[]);
}

/** The three servers, and the Secrets of their clients. The passwords are the same in every copy. */
export function serverObjects(): KubeObject[] {
  const accounts = accountsOf('quickstart', QUICKSTART_NAMESPACE, ACCOUNTS);
  const chart = new Chart(new App(), 'servers', {
    namespace: QUICKSTART_NAMESPACE,
    disableResourceNameHashes: true,
  });
  for (const [name, stringData] of Object.entries(secrets(accounts))) {
    new k8s.KubeSecret(chart, `secret-${name}`, { metadata: { name }, stringData });
  }
  addServer(chart, rabbitmqServer(publicServerImages.rabbitmq, accounts, QUICKSTART_NAMESPACE));
  addServer(chart, redisServer(publicServerImages.redis, accounts, KEY_PREFIX));
  addServer(chart, withOutbox(postgresServer(publicServerImages.postgres, accounts)));
  return chart.toJson();
}

function secrets(accounts: Accounts): Record<string, Record<string, string>> {
  return {
    rabbitmq: { uri: accounts.amqpUri('worker') },
    'rabbitmq-admin': {
      uri: accounts.amqpUri('operator'),
      managementUri: accounts.managementUri('operator'),
    },
    redis: { uri: accounts.redisUri('worker') },
    'orders-db': { uri: accounts.databaseUri('worker') },
    [OUTBOX_SECRETS.rabbitmq]: { uri: accounts.amqpUri('relay') },
    [OUTBOX_SECRETS.database]: { uri: accounts.databaseUri('relay') },
    mes: { databaseUri: accounts.databaseUri('mes') },
    shop: { redisUri: accounts.redisUri('readers'), databaseUri: accounts.databaseUri('readers') },
  };
}

/** A trigger writes an event for each change of an order, so that MES needs nothing but SQL. */
function withOutbox(server: Server): Server {
  const { config } = server;
  return { ...server, config: { ...config, 'schema.sql': `${config['schema.sql']}\n${outboxDocument()}` } };
}
