import type { Kubectl } from '../../demo/kubectl.ts';
import { type Account, accountsOf, DATABASE, VHOST } from '../../demo/manifests-accounts.ts';

/** The servers' URIs for an account, through the node's address: host names of the cluster mean nothing out here. */
export interface Connections {
  amqp(account: Account): string;
  /** Without login: it goes into the header. */
  readonly management: string;
  managementLogin(account: Account): string;
  redis(account: Account): string;
  database(account: Account): string;
}

interface Service {
  readonly spec: { readonly ports: readonly { readonly name: string; readonly nodePort: number }[] };
}

export async function connectionsFromOutside(
  kubectl: Kubectl,
  namespace: string,
  seed: string,
): Promise<Connections> {
  const accounts = accountsOf(seed, namespace);
  const host = await nodeAddress(kubectl);
  const at = async (service: string, port: string) => {
    const { spec } = await kubectl.json<Service>(['get', 'service', service, '-n', namespace]);
    return `${host}:${spec.ports.find(({ name }) => name === port)?.nodePort}`;
  };
  const [amqp, management, redis, postgres] = await Promise.all([
    at('rabbitmq', 'amqp'),
    at('rabbitmq', 'management'),
    at('redis', 'redis'),
    at('postgres', 'postgres'),
  ]);
  return {
    amqp: (account) => `amqp://${account}:${accounts.password('rabbitmq', account)}@${amqp}/${VHOST}`,
    management: `http://${management}`,
    managementLogin: (account) => btoa(`${account}:${accounts.password('rabbitmq', account)}`),
    redis: (account) => `redis://${account}:${accounts.password('redis', account)}@${redis}/0`,
    database: (account) =>
      `postgres://${account}:${accounts.password('postgres', account)}@${postgres}/${DATABASE}`,
  };
}

async function nodeAddress(kubectl: Kubectl): Promise<string> {
  const path = 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}';
  return (await kubectl.run(['get', 'nodes', '-o', path])).split(' ')[0] ?? '';
}
