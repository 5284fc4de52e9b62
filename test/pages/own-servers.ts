import { App, Chart } from 'cdk8s';
import type { Kubectl, KubeObject } from '../../demo/kubectl.ts';
import { accountsOf, type ServerName } from '../../demo/manifests-accounts.ts';
import { postgresServer } from '../../demo/manifests-postgres.ts';
import { rabbitmqServer } from '../../demo/manifests-rabbitmq.ts';
import { redisServer } from '../../demo/manifests-redis.ts';
import { addServer, type Server } from '../../demo/manifests-server.ts';
import type { ServerImages } from '../cluster/index.ts';
import { rolledOut } from '../e2e/scene.ts';

/** RabbitMQ, Redis and PostgreSQL as somebody has them who begins: no account but the administrator's. */

/** Pods reach them as `<name>.servers.svc`. */
export const SERVERS_NAMESPACE = 'servers';
const NAMES: readonly ServerName[] = ['rabbitmq', 'redis', 'postgres'];

export async function startOwnServers(kubectl: Kubectl, images: ServerImages): Promise<void> {
  await kubectl.apply([
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: SERVERS_NAMESPACE,
        labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    },
    ...manifests(images),
  ]);
  await Promise.all(NAMES.map((name) => rolledOut(kubectl, SERVERS_NAMESPACE, name)));
}

function manifests(images: ServerImages): KubeObject[] {
  const accounts = accountsOf('none', SERVERS_NAMESPACE, []);
  const chart = new Chart(new App(), 'servers', {
    namespace: SERVERS_NAMESPACE,
    disableResourceNameHashes: true,
  });
  // Beside the servers of the other files, on a node of two processors.
  const requests = { cpu: '20m', memory: '64Mi' };
  const rabbitmq = rabbitmqServer(images.rabbitmq, accounts, SERVERS_NAMESPACE);
  addServer(chart, { ...rabbitmq, requests, secrets: { 'definitions.json': '{}' } });
  const redis = redisServer(images.redis, accounts, '');
  addServer(chart, { ...redis, requests, secrets: { 'users.acl': 'user default on nopass ~* &* +@all\n' } });
  addServer(chart, { ...withoutTable(postgresServer(images.postgres, accounts)), requests });
  return (chart.toJson() as KubeObject[]).map(reachable);
}

function withoutTable(server: Server): Server {
  return { ...server, config: { ...server.config, 'schema.sql': '' }, secrets: { 'roles.sql': '' } };
}

/** From outside of the cluster, too. */
function reachable(object: KubeObject): KubeObject {
  return object.kind === 'Service'
    ? { ...object, spec: { ...(object.spec as object), type: 'NodePort' } }
    : object;
}

/**
 * The administrators' programs as scripts, which run them where the servers are; redis-cli shows what it shows in a
 * terminal. curl finds the broker's management API by the name that pods have for it.
 */
export async function administratorsPrograms(kubectl: Kubectl): Promise<Record<string, string>> {
  const inPod = (server: ServerName, program: string) =>
    `exec kubectl exec -i -n ${SERVERS_NAMESPACE} deployment/${server} -- ${program} "$@"`;
  const path = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  const [node = ''] = (await kubectl.run(['get', 'nodes', '-o', path])).split(' ');
  const ports = 'jsonpath={.spec.ports[?(@.name=="management")].nodePort}';
  const port = await kubectl.run(['get', 'service', 'rabbitmq', '-n', SERVERS_NAMESPACE, '-o', ports]);
  return {
    rabbitmqctl: inPod('rabbitmq', 'rabbitmqctl'),
    'redis-cli': inPod('redis', 'redis-cli --no-raw'),
    psql: inPod('postgres', 'psql -h /tmp -U postgres'),
    curl: `exec /usr/bin/curl --connect-to rabbitmq.${SERVERS_NAMESPACE}.svc:15672:${node}:${port} --max-time 20 "$@"`,
  };
}
