import { parseArgs } from 'node:util';

export const CONTENDERS = [
  'acknowledge-only',
  'one-at-a-time',
  'all-at-once',
  'write-through',
  'read-through',
] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export interface BenchOptions {
  /** Events in each round, those of the warm-up not counted. */
  readonly events: number;
  /** Events with which each process begins each round: what a long-running process is like is measured. */
  readonly warmUp: number;
  /** Orders that they are about; every second one is cached when the round begins. */
  readonly orders: number;
  readonly rounds: number;
  /** Of the worker and of the consumer that only acknowledges; the plain consumers have their own 100. */
  readonly prefetch: number;
  /** Share of the events, in percent, that are all about one cached order. */
  readonly hotPercent: number;
  /** Events carry the row's version, and the policy reads it. */
  readonly versioned: boolean;
  readonly contenders: readonly ContenderName[];
  readonly json: boolean;
  /** Directory for processor profiles of the worker; none by default. */
  readonly profile: string | undefined;
}

export const USAGE = `usage: node test/bench/bench.ts [options]
  --events N     measured events in each round (100000)
  --warm-up N    events before them, with which the process gets going (20000)
  --orders N     orders that they are about, every second one cached (as many as events)
  --rounds N     rounds for each contender (3)
  --prefetch N   prefetch of the worker (1000)
  --hot PERCENT  share of the events that are about one order (0)
  --versioned    events carry the row's version
  --only LIST    of ${CONTENDERS.join(',')}
  --profile DIR  processor profiles of the worker
  --json         figures as JSON instead of a table`;

/** @throws Error that names the option */
export function benchOptions(args: string[]): BenchOptions {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args,
    options: {
      events: text,
      'warm-up': text,
      orders: text,
      rounds: text,
      prefetch: text,
      hot: text,
      only: text,
      profile: text,
      versioned: flag,
      json: flag,
    },
  });
  const events = wholeNumber('events', values.events, 100_000, 1_000_000);
  const warmUp = wholeNumber('warm-up', values['warm-up'], 20_000, 1_000_000);
  return {
    events,
    warmUp,
    orders: wholeNumber('orders', values.orders, events + warmUp, 2_000_000),
    rounds: wholeNumber('rounds', values.rounds, 3, 100),
    prefetch: wholeNumber('prefetch', values.prefetch, 1000, 10_000),
    hotPercent: wholeNumber('hot', values.hot, 0, 100),
    versioned: values.versioned,
    contenders: chosen(values.only),
    json: values.json,
    profile: values.profile,
  };
}

function wholeNumber(name: string, text: string | undefined, fallback: number, maximum: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= maximum) return value;
  throw new Error(`--${name}: expected a whole number up to ${maximum}, got ${text}`);
}

function chosen(list: string | undefined): readonly ContenderName[] {
  if (list === undefined) return CONTENDERS;
  return list.split(',').map((name) => {
    const contender = CONTENDERS.find((each) => each === name);
    if (contender === undefined)
      throw new Error(`--only: expected some of ${CONTENDERS.join(', ')}, got ${name}`);
    return contender;
  });
}
