import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { accepts } from './background-process.ts';
import { ownServers, ports, type ServerUris, serverUris } from './settings.ts';

let ensured: Promise<ServerUris> | undefined;

/**
 * Starts RabbitMQ, Redis and PostgreSQL unless they run, installing them first if need be: about 20 s, else at once.
 * They stay up after the tests, see `servers.ts`.
 */
export function ensureServers(): Promise<ServerUris> {
  ensured ??= startMissing();
  return ensured;
}

async function startMissing(): Promise<ServerUris> {
  const uris = serverUris();
  const portsOf = {
    redis: [ports.redis],
    postgres: [ports.postgres],
    rabbitmq: [ports.amqp, ports.management],
  };
  const needed = ownServers().flatMap((name) => portsOf[name]);
  const answers = await Promise.all(needed.map(accepts));
  if (!answers.every(Boolean)) await runUp();
  return uris;
}

async function runUp(): Promise<void> {
  const script = fileURLToPath(new URL('servers.ts', import.meta.url));
  const child = spawn(process.execPath, [script, 'up'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 900_000,
  });
  const [code] = await once(child, 'exit');
  if (code !== 0)
    throw new Error('The test servers do not start: see above, or run `node test/servers/servers.ts up`.');
}
