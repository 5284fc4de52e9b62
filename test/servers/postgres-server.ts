import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { accepts, end, launch, runningPid, untilReady } from './background-process.ts';
import { postgresAccount } from './debian.ts';
import { ports, postgresDirectory, testPassword } from './settings.ts';
import { programOf } from './way.ts';

/** Debian has PostgreSQL's programs in a folder of their version; a link to one in PATH leads there. */
const binaries = (): string => dirname(realpathSync(programOf('postgres')));

/** PostgreSQL with passwords, and without the waits for the disk that only matter to data worth keeping. */
export const postgresServer = {
  isUp: async () => runningPid('postgres') !== undefined && (await accepts(ports.postgres)),
  start,
  stop: async () => {
    await end('postgres', 'SIGINT');
    rmSync(postgresDirectory, { recursive: true, force: true });
  },
};

async function start(): Promise<void> {
  const account = postgresAccount();
  if (!existsSync(join(postgresDirectory, 'PG_VERSION'))) initialise(account);
  const settings = {
    port: String(ports.postgres),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '300',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  launch({
    name: 'postgres',
    command: join(binaries(), 'postgres'),
    args: ['-D', postgresDirectory, ...args],
    account,
  });
  await untilReady('postgres', answers, 20);
}

function initialise(account: { uid: number; gid: number } | undefined): void {
  mkdirSync(dirname(postgresDirectory), { recursive: true });
  rmSync(postgresDirectory, { recursive: true, force: true });
  mkdirSync(postgresDirectory, { mode: 0o700 });
  const passwordFile = `${postgresDirectory}.password`;
  writeFileSync(passwordFile, testPassword);
  if (account) {
    for (const path of [postgresDirectory, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  const args = [
    '--username=test',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--locale=C.UTF-8',
    '--no-sync',
  ];
  execFileSync(join(binaries(), 'initdb'), ['-D', postgresDirectory, ...args], {
    stdio: 'pipe',
    cwd: '/',
    ...account,
  });
  rmSync(passwordFile);
}

/** An open port is not enough: while it starts, PostgreSQL accepts connections and refuses sessions. */
async function answers(): Promise<boolean> {
  if (!(await accepts(ports.postgres))) return false;
  try {
    execFileSync(join(binaries(), 'pg_isready'), ['-h', '127.0.0.1', '-p', String(ports.postgres), '-q']);
    return true;
  } catch {
    return false;
  }
}
