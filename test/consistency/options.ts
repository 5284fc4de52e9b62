import { parseArgs } from 'node:util';

export interface ConsistencyOptions {
  /** Reads in the part without faults. */
  readonly reads: number;
  /** How long the part with faults takes, in seconds. */
  readonly faultSeconds: number;
  /** Of MES and CRM together, changes per second. */
  readonly changesPerSecond: number;
  readonly orders: number;
  /** Of every random choice; printed, so that a run can be repeated as far as processes and servers allow. */
  readonly seed: number;
}

export const USAGE = `usage: node test/consistency/main.ts [options]
  --reads N           reads in the part without faults (3000000)
  --fault-seconds N   how long the part with faults takes (60)
  --changes N         changes per second, MES and CRM together (300)
  --orders N          orders (2000)
  --seed N            of every random choice (random)`;

/** @throws Error that names the option */
export function consistencyOptions(args: string[]): ConsistencyOptions {
  const text = { type: 'string' } as const;
  const options = { reads: text, 'fault-seconds': text, changes: text, orders: text, seed: text };
  const { values } = parseArgs({ args, options });
  return {
    reads: wholeNumber('reads', values.reads, 3_000_000, 100_000_000),
    faultSeconds: wholeNumber('fault-seconds', values['fault-seconds'], 60, 86_400),
    changesPerSecond: wholeNumber('changes', values.changes, 300, 10_000),
    orders: wholeNumber('orders', values.orders, 2_000, 1_000_000),
    seed: wholeNumber('seed', values.seed, Math.floor(Math.random() * 2 ** 31), 2 ** 31),
  };
}

function wholeNumber(name: string, text: string | undefined, fallback: number, maximum: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw new Error(`--${name}: expected a whole number up to ${maximum}, got ${text}`);
}
