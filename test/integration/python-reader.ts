import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LoadedRow, OrderStatus } from '../../cache/reader.ts';
import { installPython, type Scope } from '../servers/index.ts';

/** The reader of `test/reader-python`, as a process; it asks the test for rows of the database. */
export interface PythonReader {
  get(orderId: string): Promise<OrderStatus | null>;
  /** How often each reply of `fill` came; `failed`: Redis failed. */
  outcomes(): Promise<Readonly<Record<string, number>>>;
}

export interface PythonReaderOptions {
  readonly uri: string;
  readonly keyPrefix: string;
  readonly load: (orderId: string) => Promise<LoadedRow | null>;
  /** Leaves the check of the lease out of `fill`. */
  readonly withoutLeaseCheck?: boolean;
}

type Message = Readonly<Record<string, unknown>>;
interface Waiting {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

const MAIN = fileURLToPath(new URL('../reader-python/main.py', import.meta.url));

/** Starts it, and kills it after the test. */
export async function pythonReader(scope: Scope, options: PythonReaderOptions): Promise<PythonReader> {
  const python = await installPython();
  const { hostname, port } = new URL(options.uri);
  const flags = options.withoutLeaseCheck === true ? ['--without-lease-check'] : [];
  const child = spawn(python, [MAIN, hostname, port, options.keyPrefix, ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH ?? '', PYTHONDONTWRITEBYTECODE: '1', PYTHONUTF8: '1' },
  });
  const waiting = new Map<unknown, Waiting>();
  const say = (message: Message) => void child.stdin.write(`${JSON.stringify(message)}\n`);
  const ask = (key: unknown, message: Message) =>
    new Promise<Message>((resolve, reject) => {
      waiting.set(key, { resolve, reject });
      say(message);
    });
  const exited = once(child, 'exit').then(() => {
    for (const each of waiting.values()) each.reject(new Error('the reader in Python has ended'));
  });
  child.stdin.on('error', () => {});
  scope.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });

  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message;
    if ('load' in message) return void answerLoad(message, options.load, say);
    const key = 'outcomes' in message ? 'outcomes' : message.got;
    const caller = waiting.get(key);
    waiting.delete(key);
    if ('error' in message) caller?.reject(new Error(String(message.error)));
    else caller?.resolve(message);
  });

  let count = 0;
  return {
    get: async (orderId) => {
      count += 1;
      const { row, from } = await ask(count, { get: count, orderId });
      return row === null ? null : ({ ...(row as object), from } as OrderStatus);
    },
    outcomes: async () => (await ask('outcomes', { outcomes: true })).outcomes as Record<string, number>,
  };
}

async function answerLoad(
  { load, orderId }: Message,
  read: PythonReaderOptions['load'],
  say: (message: Message) => void,
): Promise<void> {
  try {
    say({ loaded: load, row: await read(String(orderId)) });
  } catch (error) {
    say({ loaded: load, error: String(error) });
  }
}
