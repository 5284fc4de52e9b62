import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Scope } from '../servers/index.ts';

/** A reader under test, as a process. docs/other-languages.md has the lines that it speaks. */

export interface SubjectRow {
  readonly status: string;
  readonly version: string | null;
}

interface Waiting {
  readonly resolve: (row: SubjectRow | null) => void;
  readonly reject: (error: Error) => void;
}

export class Subject {
  /** What the reader's database holds. */
  readonly rows = new Map<string, SubjectRow>();
  /** Each read of the database, by order. */
  readonly loads: string[] = [];
  /** While set, answers of the database wait for it; the row is read before. */
  held: Promise<void> | undefined;
  readonly #waiting = new Map<unknown, Waiting>();
  readonly #say: (message: object) => void;
  #count = 0;

  private constructor(say: (message: object) => void) {
    this.#say = say;
  }

  static start(scope: Scope, command: string, environment: Readonly<Record<string, string>>): Subject {
    const child = spawn('/bin/sh', ['-c', `exec ${command}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...environment },
    });
    child.stdin.on('error', () => {});
    const subject = new Subject((message) => void child.stdin.write(`${JSON.stringify(message)}\n`));
    createInterface({ input: child.stdout }).on('line', (line) => void subject.#heard(line));
    const ended = once(child, 'exit').then(() => subject.#fail(new Error('the command has ended')));
    scope.after(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    return subject;
  }

  /** Rejects when it answers with an error, or not within 60 s. */
  async get(orderId: string): Promise<SubjectRow | null> {
    this.#count += 1;
    const number = this.#count;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<SubjectRow | null>((resolve, reject) => {
        this.#waiting.set(number, { resolve, reject });
        this.#say({ get: number, orderId });
        timer = setTimeout(() => reject(new Error(`no answer to get ${orderId} in 60 s`)), 60_000);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(number);
    }
  }

  /** Answers of the database wait until the returned function is called. */
  hold(): () => void {
    let release = () => {};
    this.held = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.held = undefined;
      release();
    };
  }

  async #heard(line: string): Promise<void> {
    let message: Readonly<Record<string, unknown>>;
    try {
      message = JSON.parse(line);
    } catch {
      return this.#fail(new Error(`expected a JSON object on a line, got ${JSON.stringify(line)}`));
    }
    if ('load' in message) {
      const orderId = String(message.orderId);
      const row = this.rows.get(orderId) ?? null;
      this.loads.push(orderId);
      await this.held;
      return this.#say({ loaded: message.load, row });
    }
    const answer = this.#waiting.get(message.got);
    if (message.error !== undefined) answer?.reject(new Error(`it answered with an error: ${message.error}`));
    else answer?.resolve(message.row as SubjectRow | null);
  }

  #fail(error: Error): void {
    for (const answer of this.#waiting.values()) answer.reject(error);
  }
}
