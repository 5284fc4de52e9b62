import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { publicServerImages } from '../cluster/cluster-kind.ts';
import { accepts } from './background-process.ts';
import { ports, testPassword } from './settings.ts';

/**
 * RabbitMQ and PostgreSQL in containers, where Docker answers and neither the programs nor Debian's packages can be had.
 * Not run by the tests: the machines of the project have no Docker engine.
 */
interface Container {
  readonly name: string;
  readonly image: string;
  /** Ports of 127.0.0.1, each with the port inside. */
  readonly ports: readonly (readonly [outside: number, inside: number])[];
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** Run inside; it succeeds once the server serves. */
  readonly probe: readonly string[];
}

const postgresSettings = [
  'max_connections=300',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
];

export const containers: Readonly<Record<'postgres' | 'rabbitmq', Container>> = {
  postgres: {
    name: 'order-cache-operator-postgres',
    image: publicServerImages.postgres,
    ports: [[ports.postgres, 5432]],
    env: { POSTGRES_USER: 'test', POSTGRES_PASSWORD: testPassword, POSTGRES_DB: 'postgres' },
    command: ['postgres', ...postgresSettings.flatMap((setting) => ['-c', setting])],
    probe: ['pg_isready', '--host=127.0.0.1', '--quiet'],
  },
  rabbitmq: {
    name: 'order-cache-operator-rabbitmq',
    image: publicServerImages.rabbitmq,
    ports: [
      [ports.amqp, 5672],
      [ports.management, 15672],
      [ports.prometheus, 15692],
    ],
    env: { RABBITMQ_DEFAULT_USER: 'test', RABBITMQ_DEFAULT_PASS: testPassword },
    command: [
      'bash',
      '-c',
      'rabbitmq-plugins enable --offline rabbitmq_prometheus rabbitmq_consistent_hash_exchange && exec docker-entrypoint.sh rabbitmq-server',
    ],
    probe: ['rabbitmq-diagnostics', '--quiet', 'check_port_connectivity'],
  },
};

/** The command line of `docker`. Nothing but this machine reaches the ports. */
export function runArguments({ name, image, ports: published, env, command }: Container): string[] {
  return [
    'run',
    '--detach',
    `--name=${name}`,
    ...published.map(([outside, inside]) => `--publish=127.0.0.1:${outside}:${inside}`),
    ...Object.entries(env).map(([variable, value]) => `--env=${variable}=${value}`),
    image,
    ...command,
  ];
}

const docker = async (args: readonly string[], timeout = 30_000): Promise<string> =>
  (await promisify(execFile)('docker', args, { timeout })).stdout.trim();

async function serves({ name, probe }: Container): Promise<boolean> {
  return docker(['exec', name, ...probe]).then(
    () => true,
    () => false,
  );
}

async function start(container: Container): Promise<void> {
  await docker(runArguments(container), 600_000); // the first time it downloads the image
  const end = performance.now() + 120_000;
  while (!(await serves(container))) {
    if (performance.now() > end)
      throw new Error(`${container.name} does not serve after 120 s: docker logs ${container.name}`);
    await sleep(500);
  }
}

/** A server in a container, as a process of this machine is: found, started, taken away with its data. */
export function containerServer(name: keyof typeof containers) {
  const container = containers[name];
  return {
    isUp: async () => (await Promise.all(container.ports.map(([port]) => accepts(port)))).every(Boolean),
    start: () => start(container),
    stop: async () => {
      await docker(['rm', '--force', '--volumes', container.name]).catch(() => undefined); // it was not there
    },
  };
}
