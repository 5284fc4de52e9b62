import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Hit } from './history.ts';
import type { ReaderSettings, ReadsReport } from './reader-process.ts';

const PROGRAM = fileURLToPath(new URL('reader-process.ts', import.meta.url));

/** Programs that read the same orders, each with a reader of its own. */
export class Readers {
  readonly #children: ChildProcess[] = [];
  readonly #latest = new Map<ChildProcess, ReadsReport>();
  readonly #hits: Float64Array[] = [];

  start(count: number, settings: ReaderSettings): void {
    for (let index = 0; index < count; index += 1) {
      const argument = JSON.stringify({ ...settings, seed: settings.seed + index });
      const child = fork(PROGRAM, [argument], { serialization: 'advanced', execArgv: ['--no-warnings'] });
      child.on('message', (message) => this.#report(child, message as ReadsReport));
      this.#children.push(child);
    }
  }

  get reads(): number {
    return this.#sum('reads');
  }

  get failures(): number {
    return this.#sum('failures');
  }

  get backwards(): number {
    return this.#sum('backwards');
  }

  *hits(): Generator<Hit> {
    for (const some of this.#hits)
      for (let at = 0; at < some.length; at += 3)
        yield { order: some[at] ?? 0, change: some[at + 1] ?? 0, startedAt: some[at + 2] ?? 0 };
  }

  /** What they have not told yet is lost: it was not counted either. */
  async stop(): Promise<void> {
    const running = this.#children.filter(({ exitCode }) => exitCode === null);
    for (const child of running) child.disconnect();
    await Promise.all(running.map((child) => once(child, 'exit')));
  }

  #report(child: ChildProcess, report: ReadsReport): void {
    this.#latest.set(child, report);
    this.#hits.push(report.hits);
  }

  #sum(field: 'reads' | 'failures' | 'backwards'): number {
    let sum = 0;
    for (const report of this.#latest.values()) sum += report[field];
    return sum;
  }
}
