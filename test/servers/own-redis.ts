import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts } from './background-process.ts';
import { ensureServers } from './ensure.ts';
import { freePort } from './free-port.ts';
import { redisArguments } from './redis-server.ts';
import type { Scope } from './scope.ts';

/** A Redis of the test's own, which it may kill, freeze, fill and `DEBUG`; empty again after every start. */
export interface OwnRedis {
  readonly uri: string;
  readonly port: number;
  /** SIGKILL, at once; resolves when the process is gone and the port refuses. */
  kill(): Promise<void>;
  /** Starts it again on the same port; resolves when it accepts connections. */
  start(): Promise<void>;
  /** SIGSTOP: connections stay open, nothing is answered. */
  freeze(): void;
  /** SIGCONT: what was sent meanwhile is executed. */
  thaw(): void;
}

/** @param options further arguments of redis-server, such as `['--maxmemory', '2mb']` */
export async function ownRedis(scope: Scope, options: readonly string[] = []): Promise<OwnRedis> {
  await ensureServers();
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-redis-'));
  let process: ChildProcess | undefined;

  const start = async () => {
    if (process !== undefined) return;
    process = spawn('redis-server', [...redisArguments(port, directory), ...options], { stdio: 'ignore' });
    process.unref();
    await untilAccepting(process, port);
  };
  const kill = async () => {
    const running = process;
    process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  };
  scope.after(async () => {
    await kill();
    rmSync(directory, { recursive: true, force: true });
  });
  await start();
  const signal = (name: NodeJS.Signals) => void process?.kill(name);
  const uri = `redis://127.0.0.1:${port}`;
  return { uri, port, kill, start, freeze: () => signal('SIGSTOP'), thaw: () => signal('SIGCONT') };
}

async function untilAccepting(server: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await accepts(port))) {
    if (server.exitCode !== null)
      throw new Error(`redis-server on port ${port} ended with ${server.exitCode}.`);
    if (Date.now() > deadline) throw new Error(`redis-server on port ${port} does not accept after 30 s.`);
    await sleep(20);
  }
}
