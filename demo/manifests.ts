import { randomBytes } from 'node:crypto';
import { App, Chart } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { publicServerImages } from '../test/cluster/cluster-kind.ts';
import type { KubeObject } from './kubectl.ts';
import { accountsOf, clientSecrets, type ServerName } from './manifests-accounts.ts';
import { postgresServer } from './manifests-postgres.ts';
import { rabbitmqServer } from './manifests-rabbitmq.ts';
import { redisServer } from './manifests-redis.ts';
import { addServer } from './manifests-server.ts';

export interface ServerOptions {
  /** Default: `shop`. */
  readonly namespace?: string;
  /** Default: the public images. */
  readonly images?: Partial<Record<ServerName, string>>;
  /** Every password follows from it; it is kept in the Secret `server-passwords`. Default: a random one. */
  readonly seed?: string;
  /** Prefix of the records in Redis, to which the accounts are confined. Default: `order:`. */
  readonly keyPrefix?: string;
}

/** Where a later run finds the seed again, so that nothing restarts. */
export const SEED_SECRET = { name: 'server-passwords', key: 'seed' } as const;

/**
 * RabbitMQ, Redis and PostgreSQL as the demo has them: each one restricted pod with a Service, its configuration, and
 * Secrets for their clients. The namespace comes first, and enforces Pod Security `restricted`.
 */
export function serverManifests(options: ServerOptions = {}): KubeObject[] {
  const { namespace = 'shop', keyPrefix = 'order:', seed = randomBytes(32).toString('base64url') } = options;
  const images = { ...publicServerImages, ...options.images };
  const accounts = accountsOf(seed, namespace);
  const app = new App();
  const cluster = new Chart(app, 'cluster');
  new k8s.KubeNamespace(cluster, 'namespace', {
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });

  const chart = new Chart(app, 'servers', { namespace, disableResourceNameHashes: true });
  const secrets = { ...clientSecrets(accounts), [SEED_SECRET.name]: { [SEED_SECRET.key]: seed } };
  for (const [name, stringData] of Object.entries(secrets)) {
    new k8s.KubeSecret(chart, `secret-${name}`, { metadata: { name }, stringData });
  }
  addServer(chart, rabbitmqServer(images.rabbitmq, accounts, namespace));
  addServer(chart, redisServer(images.redis, accounts, keyPrefix));
  addServer(chart, postgresServer(images.postgres, accounts));
  return [...cluster.toJson(), ...chart.toJson()];
}
