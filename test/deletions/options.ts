import { parseArgs } from 'node:util';

export interface DeletionsOptions {
  /** Deletions whose order, pauses and restarts are chosen at random, after each order has been gone through once. */
  readonly races: number;
  /** Goes through each order in each variant first. */
  readonly all: boolean;
  /** At the same time. */
  readonly parallel: number;
  readonly seed: number;
}

export const USAGE = `usage: node test/deletions/main.ts [options]
  --races N      deletions in a random order with random pauses (300)
  --all          before them, every order, at once and half a minute apart
  --parallel N   at the same time (6)
  --seed N       of every random choice (random)`;

/** @throws Error that names the option */
export function deletionsOptions(args: string[]): DeletionsOptions {
  const text = { type: 'string' } as const;
  const options = { races: text, parallel: text, seed: text, all: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options });
  return {
    races: wholeNumber('races', values.races, 300, 100_000),
    all: values.all ?? false,
    parallel: Math.max(1, wholeNumber('parallel', values.parallel, 6, 64)),
    seed: wholeNumber('seed', values.seed, Math.floor(Math.random() * 2 ** 31), 2 ** 31),
  };
}

function wholeNumber(name: string, text: string | undefined, fallback: number, maximum: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw new Error(`--${name}: expected a whole number up to ${maximum}, got ${text}`);
}
