import { k8s } from 'cdk8s-plus-27';
import { type Account, type Accounts, sha256, VHOST } from './manifests-accounts.ts';
import type { Server } from './manifests-server.ts';

/** Rights in the virtual host, as regular expressions on the names of queues and exchanges. */
interface Rights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

const nothing = '^$';

/**
 * Least rights. `amq.default` is the default exchange: by it workers reach their dead-letter queue, and a queue may
 * dead-letter only where its creator may write.
 */
function rightsOf(namespace: string): Partial<Record<Account, Rights>> {
  const queues = `ordercache\\.${namespace}\\..+`;
  const delays = 'ordercache\\.delay\\.[0-9]+s';
  return {
    worker: {
      configure: nothing,
      write: `^(amq\\.default|${delays})$`,
      read: `^${queues}(?<!\\.dead)$`,
    },
    operator: {
      configure: `^(${queues}|${delays}|crm)$`,
      write: `^(${queues}|${delays}|crm|amq\\.default)$`,
      read: `^(${queues}|${delays}|mes|crm)$`,
    },
    mes: { configure: nothing, write: '^mes$', read: nothing },
    crm: { configure: nothing, write: '^crm$', read: nothing },
    auditor: { configure: nothing, write: nothing, read: '.*' },
    relay: { configure: nothing, write: '^(mes|crm)$', read: nothing },
  };
}

const tags: Partial<Record<Account, string>> = { operator: 'management', auditor: 'monitoring' };

/** The exchange `mes` is here because MES owns it; `crm` is declared by the operator, as the policy says. */
export function rabbitmqDefinitions(accounts: Accounts, namespace: string): string {
  const all = Object.entries(rightsOf(namespace)) as [Account, Rights][];
  const rights = all.filter(([account]) => accounts.has(account));
  const definitions = {
    vhosts: [{ name: VHOST }],
    users: rights.map(([account]) => ({
      name: account,
      password_hash: passwordHash(accounts.password('rabbitmq', account)),
      hashing_algorithm: 'rabbit_password_hashing_sha256',
      tags: tags[account] ?? '',
    })),
    permissions: rights.map(([user, permission]) => ({ user, vhost: VHOST, ...permission })),
    exchanges: [
      {
        name: 'mes',
        vhost: VHOST,
        type: 'topic',
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: {},
      },
    ],
  };
  return JSON.stringify(definitions, null, 2);
}

/** RabbitMQ's format: base64 of a salt of four bytes and the hash. The salt follows from the password. */
function passwordHash(password: string): string {
  const salt = sha256(`salt of ${password}`).subarray(0, 4);
  return Buffer.concat([salt, sha256(Buffer.concat([salt, Buffer.from(password)]))]).toString('base64');
}

const configuration = `listeners.tcp.default = 5672
management.tcp.port = 15672
prometheus.tcp.port = 15692
load_definitions = /secrets/definitions.json
vm_memory_high_watermark.absolute = 600MiB
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = warning
log.file = false
`;

/** The broker's scripts are in PATH in the public image, and in Debian's own directory where that package is used. */
const start = `set -eu
PATH=/usr/lib/rabbitmq/bin:$PATH
exec rabbitmq-server
`;

export function rabbitmqServer(image: string, accounts: Accounts, namespace: string): Server {
  return {
    name: 'rabbitmq',
    image,
    command: ['sh', '/config/start.sh'],
    environment: {
      HOME: '/state',
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: 'rabbit@localhost',
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_CONFIG_FILE: '/config/rabbitmq.conf',
      RABBITMQ_ENABLED_PLUGINS_FILE: '/config/enabled_plugins',
      RABBITMQ_GENERATED_CONFIG_DIR: '/state/generated',
      RABBITMQ_MNESIA_BASE: '/state/data',
      RABBITMQ_LOG_BASE: '/state/log',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2',
    },
    ports: { amqp: 5672, management: 15672, prometheus: 15692 },
    config: {
      'rabbitmq.conf': configuration,
      enabled_plugins: '[rabbitmq_management,rabbitmq_prometheus].\n',
      'start.sh': start,
    },
    secrets: { 'definitions.json': rabbitmqDefinitions(accounts, namespace) },
    // The listener is opened last, after the definitions are imported.
    readiness: { tcpSocket: { port: k8s.IntOrString.fromString('amqp') } },
    requests: { cpu: '200m', memory: '256Mi' },
    memoryLimit: '1Gi',
    terminationGracePeriodSeconds: 15,
  };
}
