import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the command's standard input. */
  readonly input?: string;
  /** Default 60,000. The command is killed afterwards. */
  readonly deadlineMs?: number;
}

/** The environment of everything that is run: some shells of root do not have the system's tools in PATH. */
export const searchEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin`,
};

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}

const tail = (text: string): string => text.trimEnd().split('\n').slice(-15).join('\n');

/** Runs a command without a shell and returns its standard output; throws CommandFailed with the last lines. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env = searchEnvironment, input = '', deadlineMs = 60_000 } = options;
  const settings = { cwd, env, timeout: deadlineMs, maxBuffer: 64 << 20, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const why = error.killed ? `no end within ${deadlineMs} ms` : `exit ${error.code ?? error.signal}`;
      reject(
        new CommandFailed(`${command} ${args.slice(0, 6).join(' ')}: ${why}\n${tail(stderr || stdout)}`),
      );
    });
    child.stdin?.on('error', () => {}); // a command that reads nothing may be gone before the input is written
    child.stdin?.end(input);
  });
}

export async function succeeds(
  command: string,
  args: readonly string[],
  options?: CommandOptions,
): Promise<boolean> {
  return run(command, args, options).then(
    () => true,
    () => false,
  );
}

/** Thrown by a probe when waiting longer is of no use. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

/** Asks again every 100 ms until the probe answers true. A probe that throws has not answered yet, or is Hopeless. */
export async function until(what: string, deadlineMs: number, probe: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + deadlineMs;
  let last: unknown = 'it answered no';
  while (performance.now() < end) {
    try {
      if (await probe()) return;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`${what} was not so within ${deadlineMs / 1000} s: ${String(last)}`);
}
