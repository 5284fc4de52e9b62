import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  type CatchUpReport,
  MAINTENANCE_ENVIRONMENT,
  type MaintenanceConnection,
  type MaintenanceReport,
} from '../../api/maintenance.ts';
import { WORKER_ENVIRONMENT, type WorkerConfig } from '../../api/worker-config.ts';
import { configHash } from '../../worker/config.ts';
import type { Scope } from '../servers/index.ts';
import { type LogLine, until } from './worker-process.ts';

export interface MaintenanceOptions {
  readonly config: WorkerConfig;
  readonly credentials: Partial<Record<MaintenanceConnection, Record<string, string>>>;
  readonly maxOrdersPerSecond?: number;
  readonly requested?: string;
  readonly queueLost?: string;
  readonly outboxTable?: string;
}

/** The maintenance pod as it runs: a process with configuration and credentials in files. */
export interface MaintenanceProcess {
  readonly log: readonly LogLine[];
  readonly exitCode: Promise<number | null>;
  get(path: string): Promise<{ status: number; body: string }>;
  report(): Promise<MaintenanceReport>;
  /** Writes the files of a Secret, as the kubelet does after a rotation. */
  mount(name: MaintenanceConnection, files: Record<string, string>): void;
  kill(signal: NodeJS.Signals): void;
  /** Waits for a catch-up that has ended and is another one than `before`. */
  completed(before?: CatchUpReport, milliseconds?: number): Promise<CatchUpReport>;
}

const MAIN = fileURLToPath(new URL('../../maintenance/main.ts', import.meta.url));

/** Starts it, and kills it after the test. Resolves when it serves HTTP. */
export async function startMaintenance(
  scope: Scope,
  options: MaintenanceOptions,
): Promise<MaintenanceProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-maintenance-'));
  const mount = (name: string, files: Record<string, string>) => {
    mkdirSync(join(directory, name), { recursive: true });
    for (const [key, value] of Object.entries(files)) writeFileSync(join(directory, name, key), value);
  };
  for (const [name, files] of Object.entries(options.credentials)) mount(name, files);
  const bytes = Buffer.from(JSON.stringify(options.config));
  writeFileSync(join(directory, 'config.json'), bytes);
  const child = spawn(process.execPath, ['--no-warnings', MAIN], {
    env: { PATH: process.env.PATH ?? '', ...environmentOf(options, directory, bytes) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => log.push(JSON.parse(line) as LogLine));
  const exitCode = once(child, 'close').then(([code]) => code as number | null);
  scope.after(async () => {
    child.kill('SIGKILL');
    await exitCode;
    rmSync(directory, { recursive: true, force: true });
  });
  const started = await until('the maintenance pod has started', () => {
    const fatal = log.find(({ level }) => level === 'fatal');
    if (fatal !== undefined) throw new Error(`it has ended: ${fatal.msg}`);
    return log.find(({ msg }) => msg === 'started');
  });
  const { port } = started.address as { port: number };
  const get = async (path: string) => {
    const url = `http://127.0.0.1:${port}${path}`;
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    return { status: response.status, body: await response.text() };
  };
  const report = async () => JSON.parse((await get('/report')).body) as MaintenanceReport;
  return {
    log,
    exitCode,
    get,
    report,
    mount,
    kill: (signal) => void child.kill(signal),
    completed: (before, milliseconds = 30_000) =>
      until(
        'the catch-up is completed',
        async () => {
          const { catchUp } = await report();
          return catchUp.state === 'Completed' && catchUp.startedAt !== before?.startedAt && catchUp;
        },
        milliseconds,
      ),
  };
}

function environmentOf(
  { maxOrdersPerSecond = 100_000, requested = '', queueLost = '', outboxTable = '' }: MaintenanceOptions,
  directory: string,
  config: Buffer,
): Record<string, string> {
  return {
    [WORKER_ENVIRONMENT.configFile]: join(directory, 'config.json'),
    [WORKER_ENVIRONMENT.configHash]: configHash(config),
    [WORKER_ENVIRONMENT.credentialsDirectory]: directory,
    [WORKER_ENVIRONMENT.httpPort]: '0',
    [MAINTENANCE_ENVIRONMENT.maxOrdersPerSecond]: `${maxOrdersPerSecond}`,
    [MAINTENANCE_ENVIRONMENT.requested]: requested,
    [MAINTENANCE_ENVIRONMENT.queueLost]: queueLost,
    [MAINTENANCE_ENVIRONMENT.outboxTable]: outboxTable,
  };
}
