import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { progress } from './progress.ts';

/** What a Debian package brings: the file whose presence tells that it is installed, and its system service. */
interface Package {
  name: string;
  file: string;
  service?: string;
}

const packages: readonly Package[] = [
  { name: 'redis-server', file: '/usr/bin/redis-server', service: 'redis-server' },
  { name: 'postgresql-15', file: '/usr/lib/postgresql/15/bin/postgres', service: 'postgresql' },
  { name: 'rabbitmq-server', file: '/usr/lib/rabbitmq/bin/rabbitmq-server', service: 'rabbitmq-server' },
];

const policyFile = '/usr/sbin/policy-rc.d';

/**
 * Installs what is missing of Redis, PostgreSQL and RabbitMQ from Debian's packages.
 * The packages would start services of their own on the default ports: they are kept from it.
 * A server that was installed before is left as it is, running or not.
 *
 * @throws Error when something is missing and this is not Debian, or the user is not root.
 */
export async function installServers(): Promise<void> {
  await installMissing(
    packages,
    'point TEST_AMQP_URI, TEST_AMQP_MANAGEMENT_URI, TEST_REDIS_URI and TEST_DATABASE_URI at servers of yours',
  );
}

const python: Package = { name: 'python3', file: '/usr/bin/python3' };

/** The path of a Python 3 with its standard library, for the second reader; `TEST_PYTHON` names one of yours. */
export async function installPython(): Promise<string> {
  if (process.env.TEST_PYTHON !== undefined) return process.env.TEST_PYTHON;
  await installMissing([python], 'name a Python 3 of yours in TEST_PYTHON');
  return python.file;
}

async function installMissing(wanted: readonly Package[], otherwise: string): Promise<void> {
  const missing = wanted.filter((each) => !existsSync(each.file));
  if (missing.length === 0) return;
  const names = missing.map((each) => each.name);
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(
      `The tests need the Debian packages ${names.join(', ')}: run this as root on Debian 12, install them ` +
        `yourself, or ${otherwise}.`,
    );
  }
  const done = progress(`installing ${names.join(', ')} from Debian`);
  await withoutStartingServices(() => aptInstall(names));
  if (existsSync('/run/systemd/system')) {
    for (const { service } of missing)
      if (service !== undefined) spawnSync('systemctl', ['disable', '--now', service]);
  }
  done();
}

async function aptInstall(names: readonly string[]): Promise<void> {
  const install = ['install', '--yes', '--no-install-recommends', '--no-upgrade', ...names];
  try {
    await aptGet(install);
  } catch {
    await aptGet(['update']);
    await aptGet(install);
  }
}

async function aptGet(args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, timeout: 600_000, maxBuffer: 16 * 1024 * 1024 };
  await promisify(execFile)('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], options);
}

/** Debian asks policy-rc.d before it starts a service. A policy that the machine has already stays in force. */
async function withoutStartingServices(install: () => Promise<void>): Promise<void> {
  if (existsSync(policyFile)) return install();
  const ours =
    '#!/bin/sh\n# order-cache-operator: no services while packages are being installed\nexit 101\n';
  writeFileSync(policyFile, ours, { mode: 0o755 });
  try {
    await install();
  } finally {
    if (readFileSync(policyFile, 'utf8') === ours) rmSync(policyFile);
  }
}

/** The unprivileged account that PostgreSQL insists on; undefined when the user is not root anyway. */
export function postgresAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
