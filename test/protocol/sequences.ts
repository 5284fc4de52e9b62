import fc from 'fast-check';
import { type Step, steps } from './commands.ts';
import { type Ground, Play } from './play.ts';

/** What has been played so far. */
export interface Tally {
  commands: number;
  sequences: number;
}

/** fast-check runs it, and shrinks a sequence that fails to the commands that matter. */
class StepCommand implements fc.AsyncCommand<Tally, Play> {
  readonly #step: Step;

  constructor(step: Step) {
    this.#step = step;
  }

  check(): boolean {
    return true;
  }

  async run(tally: Tally, play: Play): Promise<void> {
    tally.commands += 1;
    await play.perform(this.#step);
  }

  toString(): string {
    return JSON.stringify(this.#step);
  }
}

export interface SequenceOptions {
  readonly seed: number;
  readonly sequences: number;
  /** The longest sequence; half of it is usual. */
  readonly maxCommands: number;
  /** With commands that take Redis' memory away: nobody else may use that Redis then. */
  readonly withMemory?: boolean;
}

/** A sequence has so many shorter ones that it could go on for hours. */
const SHRINK_FOR_MS = 5_000;

/** Plays sequences of commands one after another. @throws Error with seed, path and the shortest sequence */
export async function playSequences(ground: Ground, options: SequenceOptions, tally: Tally): Promise<void> {
  const { seed, sequences, maxCommands, withMemory = false } = options;
  const arbitraries = steps(withMemory).map((step) => step.map((each) => new StepCommand(each)));
  const property = fc.asyncProperty(
    fc.commands(arbitraries, { maxCommands, size: 'max' }),
    async (commands) => {
      const play = new Play(ground);
      tally.sequences += 1;
      try {
        await fc.asyncModelRun(() => ({ model: tally, real: play }), commands);
        await play.compareAll();
      } finally {
        await play.clear();
      }
    },
  );
  const played = await fc.check(property, { seed, numRuns: sequences, endOnFailure: true });
  if (!played.failed) return;
  const path = played.counterexamplePath ?? '';
  const shrunk = await fc.check(property, { seed, path, interruptAfterTimeLimit: SHRINK_FOR_MS });
  throw new Error(await fc.asyncDefaultReportMessage(shrunk.failed ? shrunk : played));
}
