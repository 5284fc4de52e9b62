import { type Durations, expected } from './durations.ts';

/** What is known before the first file. Times in seconds. */
export interface Plan {
  readonly title: string;
  readonly files: readonly string[];
  readonly concurrency: number;
  /** What the suites after this one will take. */
  readonly afterwards: number;
  readonly durations: Durations;
}

/** How long files take that run `concurrency` at a time: never less than the longest of them. */
export function spanOf(seconds: readonly number[], concurrency: number): number {
  const sum = seconds.reduce((total, each) => total + each, 0);
  return Math.max(sum / concurrency, ...seconds, 0);
}

export function expectedSpan({ files, concurrency, durations }: Omit<Plan, 'title' | 'afterwards'>): number {
  return spanOf(
    files.map((file) => expected(durations, file)),
    concurrency,
  );
}

/** Which files of a suite run, which have ended, and how long the rest will take. Pure: the caller has the clock. */
export class Progress {
  readonly #plan: Plan;
  readonly #started = new Map<string, number>();
  readonly #measured = new Map<string, number>();

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** In seconds, by path. */
  get measured(): Durations {
    return this.#measured;
  }

  started(file: string, now: number): void {
    this.#started.set(file, now);
  }

  ended(file: string, now: number): void {
    this.#measured.set(file, now - (this.#started.get(file) ?? now));
  }

  /** For example `integration 23/64 files, about 4 min left, 9 min with the suites after it`. */
  line(now: number): string {
    const { title, files, afterwards } = this.#plan;
    if (this.#measured.size === files.length) return `${title} ${files.length}/${files.length} files`;
    const left = this.#left(now);
    const later = afterwards > 0 ? `, ${minutes(left + afterwards)} with the suites after it` : '';
    return `${title} ${this.#measured.size}/${files.length} files, about ${minutes(left)} left${later}`;
  }

  #left(now: number): number {
    const { files, concurrency, durations } = this.#plan;
    const rest = files
      .filter((file) => !this.#measured.has(file))
      .map((file) => {
        const running = this.#started.has(file) ? now - (this.#started.get(file) ?? now) : 0;
        return Math.max(0, expected(durations, file) * this.#slowness() - running);
      });
    return spanOf(rest, concurrency);
  }

  /** How much longer than expected files have taken so far: a busy machine is slow with the rest, too. */
  #slowness(): number {
    let [took, expectation] = [0, 0];
    for (const [file, seconds] of this.#measured) {
      took += seconds;
      expectation += expected(this.#plan.durations, file);
    }
    return expectation < 10 ? 1 : Math.min(3, Math.max(0.5, took / expectation));
  }
}

export function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.max(10, Math.ceil(seconds / 10) * 10)} s` : `${Math.round(seconds / 60)} min`;
}
