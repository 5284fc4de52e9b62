import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, end, launch, runningPid, untilReady } from './background-process.ts';
import { ports, serverUris, stateDirectory, testPassword } from './settings.ts';
import { programOf } from './way.ts';

const directory = join(stateDirectory, 'rabbitmq');

/** RabbitMQ with its management and Prometheus plugins, and an epmd of its own that no other Erlang node meets. */
export const rabbitmqServer = {
  isUp: async () =>
    runningPid('rabbitmq') !== undefined && (await accepts(ports.amqp)) && (await accepts(ports.management)),
  start,
  stop: async () => {
    await end('rabbitmq', 'SIGTERM');
    await end('epmd', 'SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  },
};

const configuration = `
listeners.tcp.1 = 127.0.0.1:${ports.amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${ports.management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = ${ports.prometheus}
default_user = test
default_pass = ${testPassword}
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = warning
log.file = false
`;

async function start(): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string, mode = 0o600) => {
    rmSync(join(directory, name), { force: true });
    writeFileSync(join(directory, name), text, { mode });
  };
  write('rabbitmq.conf', configuration);
  write('enabled_plugins', '[rabbitmq_management,rabbitmq_prometheus,rabbitmq_consistent_hash_exchange].\n');
  write('.erlang.cookie', randomBytes(16).toString('hex'), 0o400);
  write('environment', '');
  if (runningPid('epmd') === undefined) {
    launch({ name: 'epmd', command: 'epmd', args: ['-port', String(ports.epmd), '-address', '127.0.0.1'] });
  }
  launch({
    name: 'rabbitmq',
    command: programOf('rabbitmq'),
    args: [],
    env: environment(),
  });
  await untilReady('rabbitmq', answers, 120);
}

function environment(): Record<string, string> {
  return {
    HOME: directory,
    ERL_EPMD_PORT: String(ports.epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: 'order-cache-operator-test@localhost',
    RABBITMQ_DIST_PORT: String(ports.erlangDistribution),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    RABBITMQ_CONF_ENV_FILE: join(directory, 'environment'),
    RABBITMQ_CONFIG_FILE: join(directory, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(directory, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'logs'),
    RABBITMQ_GENERATED_CONFIG_DIR: join(directory, 'generated'),
    // The start script then becomes the Erlang process instead of waiting for it: the process id is the broker's.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}

/** The management plugin is the last to come up; it answers when the broker serves. */
async function answers(): Promise<boolean> {
  const { origin } = new URL(serverUris().managementUri);
  const authorization = `Basic ${Buffer.from(`test:${testPassword}`).toString('base64')}`;
  try {
    const response = await fetch(`${origin}/api/health/checks/port-listener/${ports.amqp}`, {
      headers: { authorization },
      signal: AbortSignal.timeout(2_000),
    });
    return response.ok;
  } catch {
    return false;
  }
}
