import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Scope } from '../servers/index.ts';

/** How the initiator answered a change. */
export type Answer = { readonly kind: 'Done' } | { readonly kind: 'Error'; readonly message: string };

const DEADLINE_MS = 60_000;

/** An initiator under test, as a process. docs/other-languages.md has the lines that it speaks. */
export class InitiatorProcess {
  readonly #waiting = new Map<unknown, (answer: Answer) => void>();
  readonly #say: (message: object) => void;
  #count = 0;

  private constructor(say: (message: object) => void) {
    this.#say = say;
  }

  static start(
    scope: Scope,
    command: string,
    environment: Readonly<Record<string, string>>,
  ): InitiatorProcess {
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    child.stdin.on('error', () => {});
    const initiator = new InitiatorProcess((message) => child.stdin.write(`${JSON.stringify(message)}\n`));
    createInterface({ input: child.stdout }).on('line', (line) => initiator.#heard(line));
    const ended = once(child, 'exit').then(() => initiator.#fail('the command has ended'));
    scope.after(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    return initiator;
  }

  /** Asks for a change of an order. An answer that does not come within 60 s is an error. */
  async change(orderId: string, status: string): Promise<Answer> {
    this.#count += 1;
    const number = this.#count;
    const answer = new Promise<Answer>((resolve) => {
      this.#waiting.set(number, resolve);
      setTimeout(resolve, DEADLINE_MS, { kind: 'Error', message: 'no answer in 60 s' }).unref();
    });
    this.#say({ change: number, orderId, status });
    return answer;
  }

  #heard(line: string): void {
    try {
      const { changed, error } = JSON.parse(line);
      const message = error === undefined ? undefined : String(error);
      this.#waiting.get(changed)?.(message === undefined ? { kind: 'Done' } : { kind: 'Error', message });
    } catch {
      this.#fail(`expected a JSON object on a line, got ${JSON.stringify(line)}`);
    }
  }

  #fail(message: string): void {
    for (const resolve of this.#waiting.values()) resolve({ kind: 'Error', message });
  }
}
