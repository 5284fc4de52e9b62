import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { progress } from './progress.ts';
import type { ServerName } from './settings.ts';
import { wayOf } from './way.ts';

/** The system services that the packages bring. */
const services: Readonly<Record<string, string>> = {
  'redis-server': 'redis-server',
  postgresql: 'postgresql',
  'rabbitmq-server': 'rabbitmq-server',
};

const policyFile = '/usr/sbin/policy-rc.d';

/**
 * Installs what is missing of the servers from Debian's or Ubuntu's packages, where `wayOf` says so.
 * The packages would start services of their own on the default ports: they are kept from it.
 * A server that was installed before is left as it is, running or not.
 *
 * @throws Error with what to install or start when a server comes from nowhere.
 */
export async function installServers(names: readonly ServerName[]): Promise<void> {
  await install(names.map(wayOf).flatMap((way) => (way.from === 'install' ? [way.package] : [])));
}

const python = '/usr/bin/python3';

/** The path of a Python 3 with its standard library, for the second reader; `TEST_PYTHON` names one of yours. */
export async function installPython(): Promise<string> {
  if (process.env.TEST_PYTHON !== undefined) return process.env.TEST_PYTHON;
  if (existsSync(python)) return python;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    throw new Error(
      'The second reader needs python3: install it, or name a Python 3 of yours in TEST_PYTHON.',
    );
  await install(['python3']);
  return python;
}

const redisPy = '/usr/lib/python3/dist-packages/redis/__init__.py';

/** The path of a Python 3 that has redis-py; one that `TEST_PYTHON` names must have it. */
export async function installRedisPy(): Promise<string> {
  const path = await installPython();
  if (process.env.TEST_PYTHON !== undefined || existsSync(redisPy)) return path;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    throw new Error(
      'The reader with redis-py needs python3-redis: install it, or name a Python 3 that has it in TEST_PYTHON.',
    );
  await install(['python3-redis']);
  return path;
}

async function install(names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const done = progress(`installing ${names.join(', ')} with apt-get`);
  await withoutStartingServices(() => aptInstall(names));
  if (existsSync('/run/systemd/system')) {
    for (const service of names.flatMap((name) => services[name] ?? []))
      spawnSync('systemctl', ['disable', '--now', service]);
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
