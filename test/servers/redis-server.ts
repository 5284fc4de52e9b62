import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, end, launch, runningPid, untilReady } from './background-process.ts';
import { ports, stateDirectory } from './settings.ts';

/** Redis without persistence; DEBUG is allowed. */
export const redisServer = {
  isUp: async () => runningPid('redis') !== undefined && (await accepts(ports.redis)),
  start,
  stop: () => end('redis', 'SIGTERM'),
};

async function start(): Promise<void> {
  const directory = join(stateDirectory, 'redis');
  mkdirSync(directory, { recursive: true });
  launch({ name: 'redis', command: 'redis-server', args: redisArguments(ports.redis, directory) });
  await untilReady('redis', () => accepts(ports.redis), 10);
}

/** Command line of a Redis for tests on a port of 127.0.0.1. */
export function redisArguments(port: number, directory: string): string[] {
  const options = {
    port: String(port),
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: 'no',
    'enable-debug-command': 'local',
  };
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
}
