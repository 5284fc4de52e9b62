import { createHash, createHmac } from 'node:crypto';

/** Who connects to the servers. `worker` is also the operator's account in Redis; `relay` publishes the outbox. */
export type Account = 'worker' | 'operator' | 'mes' | 'crm' | 'readers' | 'auditor' | 'relay';

const DEMO: readonly Account[] = ['worker', 'operator', 'mes', 'crm', 'readers', 'auditor'];

export type ServerName = 'rabbitmq' | 'redis' | 'postgres';

/** Names of Services, hosts and databases that the client Secrets carry. */
export interface Accounts {
  /** Whether the servers have this account. */
  has(account: Account): boolean;
  password(server: ServerName, account: Account): string;
  amqpUri(account: Account): string;
  managementUri(account: Account): string;
  redisUri(account: Account): string;
  databaseUri(account: Account): string;
}

export const VHOST = 'shop';
export const DATABASE = 'orders';

/** Every password follows from the seed, so that the same seed gives the same manifests, and no pod is restarted. */
export function accountsOf(seed: string, namespace: string, names: readonly Account[] = DEMO): Accounts {
  const password = (server: ServerName, account: Account) =>
    createHmac('sha256', seed).update(`${server}/${account}`).digest('base64url').slice(0, 32);
  const login = (server: ServerName, account: Account, port: number) =>
    `${account}:${password(server, account)}@${server}.${namespace}.svc:${port}`;
  return {
    has: (account) => names.includes(account),
    password,
    amqpUri: (account) => `amqp://${login('rabbitmq', account, 5672)}/${VHOST}`,
    managementUri: (account) => `http://${login('rabbitmq', account, 15672)}`,
    redisUri: (account) => `redis://${login('redis', account, 6379)}/0`,
    databaseUri: (account) => `postgres://${login('postgres', account, 5432)}/${DATABASE}`,
  };
}

/** The Secrets of the clients by name: those that the policy refers to, and those of the demo's own programs. */
export function clientSecrets(accounts: Accounts): Record<string, Record<string, string>> {
  const eventsAndRows = (account: Account) => ({
    amqpUri: accounts.amqpUri(account),
    databaseUri: accounts.databaseUri(account),
  });
  return {
    rabbitmq: { uri: accounts.amqpUri('worker') },
    'rabbitmq-admin': {
      uri: accounts.amqpUri('operator'),
      managementUri: accounts.managementUri('operator'),
    },
    redis: { uri: accounts.redisUri('worker') },
    'orders-db': { uri: accounts.databaseUri('worker') },
    mes: eventsAndRows('mes'),
    crm: eventsAndRows('crm'),
    readers: { redisUri: accounts.redisUri('readers'), databaseUri: accounts.databaseUri('readers') },
    auditor: {
      ...eventsAndRows('auditor'),
      managementUri: accounts.managementUri('auditor'),
      redisUri: accounts.redisUri('auditor'),
    },
  };
}

export function sha256(text: string | Buffer): Buffer {
  return createHash('sha256').update(text).digest();
}
