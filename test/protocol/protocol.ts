/**
 * `make protocol`: a million commands, in random sequences, on real Redis and on the twin in memory.
 *
 *   node test/protocol/protocol.ts [commands] [seed]
 *
 * With a seed, only that one is played: on one Redis, on a Cluster of three masters, and while memory runs out.
 */
import { ownCluster, ownRedis } from '../servers/index.ts';
import type { Scope } from '../servers/scope.ts';
import { ground, ownGround } from './grounds.ts';
import type { Ground } from './play.ts';
import { playSequences, type SequenceOptions, type Tally } from './sequences.ts';

const SEQUENCES_PER_SEED = 40;
const MAX_COMMANDS = 100;
/** Sequences at the same time on one ground; while memory runs out there is one. */
const LANES = 32;

interface Part {
  readonly name: string;
  readonly share: number;
  readonly lanes: number;
  readonly open: (scope: Scope) => Promise<Ground>;
  readonly withMemory?: boolean;
}

const PARTS: readonly Part[] = [
  {
    name: 'memory runs out',
    share: 0.03,
    lanes: 1,
    open: async (scope) => ownGround(scope, (await ownRedis(scope)).uri),
    withMemory: true,
  },
  {
    name: 'one Redis',
    share: 0.82,
    lanes: LANES,
    open: async (scope) => ground(scope, (await ownRedis(scope)).uri),
  },
  {
    name: 'Cluster of three masters',
    share: 0.15,
    lanes: LANES,
    open: async (scope) => ground(scope, (await ownCluster(scope)).uri),
  },
];

/** One seed after another, until there were so many commands. Gives the last seed. */
async function playPart(part: Part, on: Ground, seeds: Seeds, commands: number): Promise<Tally> {
  const tally: Tally = { commands: 0, sequences: 0 };
  const { withMemory = false } = part;
  const options = { sequences: SEQUENCES_PER_SEED, maxCommands: MAX_COMMANDS, withMemory };
  const lane = async () => {
    for (let seed = seeds.next(); seed !== undefined; seed = seeds.next()) {
      const playing: SequenceOptions = { ...options, seed };
      await playSequences(on, playing, tally);
      if (tally.commands >= commands) return;
    }
  };
  const timer = setInterval(() => console.log(`  ${part.name}: ${tally.commands} commands`), 15_000);
  try {
    await Promise.all(Array.from({ length: part.lanes }, lane));
  } finally {
    clearInterval(timer);
  }
  return tally;
}

/** Counts up from the first one, or gives only that. */
class Seeds {
  readonly #only: boolean;
  #next: number;
  #given = 0;

  constructor(first: number, only: boolean) {
    this.#next = first;
    this.#only = only;
  }

  next(): number | undefined {
    if (this.#only && this.#given > 0) return undefined;
    this.#given += 1;
    this.#next += 1;
    return this.#next - 1;
  }

  get given(): number {
    return this.#given;
  }
}

function report(what: string, { commands, sequences }: Tally, seeds: string, ms: number): void {
  const seconds = ms / 1000;
  const rate = Math.round(commands / seconds);
  console.log(
    `${what}: ${commands} commands in ${sequences} sequences, ${seeds}, ` +
      `${seconds.toFixed(1)} s, ${rate} commands/s`,
  );
}

async function main(commands: number, given: number | undefined): Promise<void> {
  const first = given ?? Date.now() % 2 ** 30;
  const total: Tally = { commands: 0, sequences: 0 };
  const cleanups: (() => Promise<void>)[] = [];
  const startedAt = performance.now();
  let seedCount = 0;
  try {
    for (const part of PARTS) {
      const on = await part.open({ after: (cleanup) => void cleanups.push(cleanup) });
      const seeds = new Seeds(first, given !== undefined);
      const partAt = performance.now();
      const tally = await playPart(part, on, seeds, commands * part.share);
      const range = `seeds ${first} to ${first + seeds.given - 1}`;
      report(part.name, tally, range, performance.now() - partAt);
      total.commands += tally.commands;
      total.sequences += tally.sequences;
      seedCount += seeds.given;
    }
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
  report('together', total, `${seedCount} seeds`, performance.now() - startedAt);
}

const [commands = '1000000', seed] = process.argv.slice(2);
try {
  await main(Number(commands), seed === undefined || seed === '' ? undefined : Number(seed));
  console.log('the scripts and the twin agree');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
