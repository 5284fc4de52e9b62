import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { containerServer } from './container.ts';
import { installServers } from './debian.ts';
import { postgresServer } from './postgres-server.ts';
import { progress } from './progress.ts';
import { rabbitmqServer } from './rabbitmq-server.ts';
import { redisServer } from './redis-server.ts';
import { ownServers, postgresDirectory, type ServerName, serverUris, stateDirectory } from './settings.ts';
import { wayOf } from './way.ts';

/*
 * node test/servers/servers.ts up|down|status
 *
 * RabbitMQ, Redis and PostgreSQL for the integration tests and benches, on fixed ports of 127.0.0.1. They are shared
 * by all test files and stay up until `down`, which removes their data too.
 */

const processes = { redis: redisServer, postgres: postgresServer, rabbitmq: rabbitmqServer };

/** What comes from nowhere does not run either; `installServers` says what is missing. */
function isContainer(name: ServerName): boolean {
  try {
    return wayOf(name).from === 'container';
  } catch {
    return false;
  }
}

/** Redis is always a process, since tests start their own. */
const serverOf = (name: ServerName) =>
  name !== 'redis' && isContainer(name) ? containerServer(name) : processes[name];

async function up(): Promise<void> {
  const down = await thoseDown();
  await installServers(down);
  await Promise.all(down.map(startServer));
}

async function thoseDown(): Promise<ServerName[]> {
  const names = ownServers();
  const answers = await Promise.all(names.map((name) => serverOf(name).isUp()));
  return names.filter((_, index) => !answers[index]);
}

async function startServer(name: ServerName): Promise<void> {
  const done = progress(`starting ${name}`);
  await serverOf(name).stop();
  await serverOf(name).start();
  done();
}

async function down(): Promise<void> {
  await Promise.all(ownServers().map((name) => serverOf(name).stop()));
  for (const directory of [stateDirectory, dirname(postgresDirectory)]) {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function status(): Promise<boolean> {
  const own = ownServers();
  const names: ServerName[] = ['redis', 'postgres', 'rabbitmq'];
  const lines = names.map(async (name) => {
    if (!own.includes(name)) return `${name} replaced by the environment`;
    return `${name} ${(await serverOf(name).isUp()) ? 'up' : 'down'}`;
  });
  const texts = await Promise.all(lines);
  process.stdout.write(`${texts.join('\n')}\n`);
  return !texts.some((text) => text.endsWith(' down'));
}

/** Two test files may want the servers at the same moment: one starts them, the other waits. */
function underLock(command: string): number {
  mkdirSync(dirname(stateDirectory), { recursive: true });
  const args = [
    '--timeout',
    '900',
    `${stateDirectory}.lock`,
    process.execPath,
    fileURLToPath(import.meta.url),
    command,
  ];
  return (
    spawnSync('flock', args, { stdio: 'inherit', env: { ...process.env, TEST_SERVERS_LOCKED: '1' } })
      .status ?? 1
  );
}

async function main(command: string | undefined): Promise<number> {
  if (command === 'status') return (await status()) ? 0 : 1;
  if (command !== 'up' && command !== 'down') {
    process.stderr.write(`usage: servers.ts up|down|status; got ${command ?? 'nothing'}\n`);
    return 2;
  }
  serverUris(); // refuses a wrong environment before anything is started
  if (command === 'up' && (await thoseDown()).length === 0) return 0;
  if (process.env.TEST_SERVERS_LOCKED === undefined) return underLock(command);
  await (command === 'up' ? up() : down());
  return 0;
}

process.exitCode = await main(process.argv[2]).catch((error: unknown) => {
  console.error(`servers: ${error instanceof Error ? error.message : error}`);
  return 1;
});
