import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hopeless, searchEnvironment } from './command.ts';
import { inState, stateDir } from './layout.ts';

/**
 * Processes that outlive this one: detached, each with a log and a pid file.
 * A pid alone is not trusted, for the kernel reuses it: the file also has the process's start time.
 */
export interface Daemon {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Contents of configuration files; a change of them restarts the process, as a change of args does. */
  readonly configuration?: string;
}

interface PidFile {
  readonly pid: number;
  readonly startTime: string;
  readonly fingerprint: string;
}

const pidFile = (name: string): string => inState('pids', `${name}.json`);
export const logFile = (name: string): string => inState('logs', `${name}.log`);

/** Field 22 of /proc/<pid>/stat; undefined when there is no such process, or only its zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function running(name: string): PidFile | undefined {
  if (!existsSync(pidFile(name))) return undefined;
  try {
    const file: PidFile = JSON.parse(readFileSync(pidFile(name), 'utf8'));
    return startTimeOf(file.pid) === file.startTime ? file : undefined;
  } catch {
    return undefined; // cut off in the middle of the write
  }
}

export const pidOf = (name: string): number | undefined => running(name)?.pid;

function launch(daemon: Daemon): PidFile {
  for (const dir of ['pids', 'logs']) mkdirSync(inState(dir), { recursive: true });
  const log = logFile(daemon.name);
  if (existsSync(log)) renameSync(log, `${log}.old`);
  const output = openSync(log, 'a');
  const child = spawn(daemon.command, daemon.args, {
    cwd: stateDir,
    detached: true,
    env: searchEnvironment,
    stdio: ['ignore', output, output],
  });
  child.unref();
  if (child.pid === undefined) throw new Error(`${daemon.name}: cannot start ${daemon.command}`);
  return { pid: child.pid, startTime: startTimeOf(child.pid) ?? '', fingerprint: fingerprint(daemon) };
}

const fingerprint = ({ command, args, configuration }: Daemon): string =>
  createHash('sha256')
    .update(JSON.stringify([command, args, configuration]))
    .digest('hex');

/** Starts the process, or leaves a running one alone when it was started with the same arguments. */
export async function ensureDaemon(daemon: Daemon): Promise<'started' | 'running'> {
  const current = running(daemon.name);
  if (current?.fingerprint === fingerprint(daemon)) return 'running';
  if (current !== undefined) await stopDaemon(daemon.name);
  writeFileSync(pidFileIn(daemon.name), JSON.stringify(launch(daemon)));
  return 'started';
}

function pidFileIn(name: string): string {
  mkdirSync(inState('pids'), { recursive: true });
  return pidFile(name);
}

/** SIGTERM, then SIGKILL after `patienceMs`. Does nothing when the process is not running. */
export async function stopDaemon(name: string, patienceMs = 5_000): Promise<void> {
  const process_ = running(name);
  if (process_ !== undefined) {
    process.kill(process_.pid, 'SIGTERM');
    const end = performance.now() + patienceMs;
    while (running(name) !== undefined && performance.now() < end) await sleep(50);
    if (running(name) !== undefined) process.kill(process_.pid, 'SIGKILL');
  }
  rmSync(pidFile(name), { force: true });
}

/** Leaves an unchanged file alone: kube-proxy ends when its configuration is written again. */
export function writeConfiguration(name: string, contents: string): string {
  const file = inState(name);
  if (!existsSync(file) || readFileSync(file, 'utf8') !== contents) writeFileSync(file, contents);
  return file;
}

/** Throws with the last lines of its log when the process has ended. */
export function mustRun(name: string): void {
  if (pidOf(name) === undefined) throw new Hopeless(`ended: ${lastWords(name)}`);
}

/** The last lines of a process's log, for the message of an error. */
export function lastWords(name: string, lines = 12): string {
  if (!existsSync(logFile(name))) return `${name}: no log`;
  return `${name}:\n${readFileSync(logFile(name), 'utf8').trimEnd().split('\n').slice(-lines).join('\n')}`;
}
