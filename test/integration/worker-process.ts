import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ConnectionName, WORKER_ENVIRONMENT, type WorkerConfig } from '../../api/worker-config.ts';
import type { WorkerReport } from '../../api/worker-report.ts';
import { configHash } from '../../worker/config.ts';
import type { Scope } from '../servers/index.ts';

export type Credentials = Partial<Record<ConnectionName, Record<string, string>>>;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The worker as it runs in a pod: a process with configuration and credentials in files. */
export interface WorkerProcess {
  readonly pid: number;
  readonly log: readonly LogLine[];
  readonly exitCode: Promise<number | null>;
  get(path: string): Promise<{ status: number; body: string }>;
  report(): Promise<WorkerReport>;
  /** Writes the files of a Secret, as the kubelet does after a rotation. */
  mount(name: ConnectionName, files: Record<string, string>): void;
  kill(signal: NodeJS.Signals): void;
}

const MAIN = fileURLToPath(new URL('../../worker/main.ts', import.meta.url));

/** Starts a worker, and kills it after the test. Resolves when it serves HTTP. `main`: of another source tree. */
export async function startWorker(
  scope: Scope,
  config: WorkerConfig,
  credentials: Credentials,
  logLevel = 'info',
  main = MAIN,
): Promise<WorkerProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-worker-'));
  const mount = (name: ConnectionName, files: Record<string, string>) => {
    mkdirSync(join(directory, name), { recursive: true });
    for (const [key, value] of Object.entries(files)) writeFileSync(join(directory, name, key), value);
  };
  for (const [name, files] of Object.entries(credentials)) mount(name as ConnectionName, files);
  const bytes = Buffer.from(JSON.stringify(config));
  writeFileSync(join(directory, 'config.json'), bytes);
  const child = spawnWorker(
    {
      [WORKER_ENVIRONMENT.configFile]: join(directory, 'config.json'),
      [WORKER_ENVIRONMENT.configHash]: configHash(bytes),
      [WORKER_ENVIRONMENT.credentialsDirectory]: directory,
      [WORKER_ENVIRONMENT.httpPort]: '0',
      [WORKER_ENVIRONMENT.logLevel]: logLevel,
    },
    main,
  );
  scope.after(async () => {
    child.process.kill('SIGKILL');
    await child.exitCode;
    rmSync(directory, { recursive: true, force: true });
  });
  const port = await httpPort(child);
  const get = async (path: string) => {
    const url = `http://127.0.0.1:${port}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    return { status: response.status, body: await response.text() };
  };
  return {
    pid: child.process.pid ?? 0,
    log: child.log,
    exitCode: child.exitCode,
    get,
    report: async () => JSON.parse((await get('/report')).body) as WorkerReport,
    mount,
    kill: (signal) => void child.process.kill(signal),
  };
}

export interface SpawnedWorker {
  readonly process: ChildProcess;
  /** Grows. */
  readonly log: LogLine[];
  readonly exitCode: Promise<number | null>;
}

export function spawnWorker(environment: Record<string, string>, main = MAIN): SpawnedWorker {
  const child = spawn(process.execPath, ['--no-warnings', main], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.push(JSON.parse(line) as LogLine);
    if (process.env.WORKER_LOG !== undefined) console.error(line);
  });
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, log, exitCode };
}

/** @throws Error with the last line of the log when the process ends instead */
async function httpPort(child: SpawnedWorker): Promise<number> {
  const line = await until('the worker has started', () => {
    const fatal = child.log.find(({ level }) => level === 'fatal');
    if (fatal !== undefined) throw new Error(`the worker has ended: ${fatal.msg}`);
    return child.log.find(({ msg }) => msg === 'started');
  });
  return (line.address as { port: number }).port;
}

/** Asks every 20 ms until there is an answer. @throws Error after `milliseconds`: the default is for a busy machine */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  milliseconds = 30_000,
): Promise<T> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`not within ${milliseconds} ms: ${what}`);
    await sleep(20);
  }
}
