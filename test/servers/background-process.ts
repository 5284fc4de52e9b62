import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stateDirectory } from './settings.ts';

interface Launch {
  name: string;
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
  account?: { uid: number; gid: number } | undefined;
}

const pidFile = (name: string) => join(stateDirectory, `${name}.pid`);
export const logFile = (name: string) => join(stateDirectory, `${name}.log`);

/** Starts a process that outlives this one, with its output in a log and its id in a file. */
export function launch({ name, command, args, env, account }: Launch): void {
  mkdirSync(stateDirectory, { recursive: true });
  const log = openSync(logFile(name), 'a');
  const environment = { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...env };
  const options = { detached: true, stdio: ['ignore', log, log] as ['ignore', number, number], cwd: '/' };
  const child = spawn(command, args, { ...options, env: environment, ...account });
  closeSync(log);
  child.on('error', (error) =>
    process.stderr.write(`servers: ${command} does not start: ${error.message}\n`),
  );
  if (child.pid === undefined) return;
  child.unref();
  writeFileSync(pidFile(name), `${child.pid} ${startTime(child.pid)}\n`);
}

/** The process id, when the process that `launch` started still runs. */
export function runningPid(name: string): number | undefined {
  let recorded: string;
  try {
    recorded = readFileSync(pidFile(name), 'utf8').trim();
  } catch {
    return undefined;
  }
  const [pid = 0, started] = recorded.split(' ').map(Number);
  return started !== undefined && startTime(pid) === started ? pid : undefined;
}

/** Clock ticks from boot to the start of the process: with it, a process id used again is not mistaken for ours. */
function startTime(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return afterName[0] === 'Z' ? undefined : Number(afterName[19]);
  } catch {
    return undefined;
  }
}

/** Ends the process with the signal, after ten seconds with SIGKILL, and waits until it is gone. */
export async function end(name: string, signal: NodeJS.Signals): Promise<void> {
  const pid = runningPid(name);
  if (pid !== undefined) {
    process.kill(pid, signal);
    const deadline = Date.now() + 10_000;
    while (runningPid(name) !== undefined && Date.now() < deadline) await sleep(20);
    if (runningPid(name) !== undefined) process.kill(pid, 'SIGKILL');
  }
  rmSync(pidFile(name), { force: true });
}

/** Whether something accepts a connection on the port within a second. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 });
    const answer = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}

/** Waits until the process is ready. @throws Error with the end of its log when it ends, or after the deadline. */
export async function untilReady(
  name: string,
  ready: () => Promise<boolean>,
  seconds: number,
): Promise<void> {
  const deadline = Date.now() + seconds * 1_000;
  while (!(await ready())) {
    const gone = runningPid(name) === undefined;
    if (gone || Date.now() > deadline) {
      const log = readFileSync(logFile(name), 'utf8').split('\n').slice(-20).join('\n');
      throw new Error(
        `${name} ${gone ? 'ended' : `is not ready after ${seconds} s`}. End of ${logFile(name)}:\n${log}`,
      );
    }
    await sleep(50);
  }
}
