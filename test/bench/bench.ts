/**
 * This project's worker beside a consumer that only acknowledges and the two that a user would write instead, in one
 * run on one machine, in interleaved rounds on the same servers. See `--help` for options.
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../servers/index.ts';
import { contender } from './contenders.ts';
import { type Measurement, measure } from './measurement.ts';
import { type BenchOptions, benchOptions, type ContenderName, USAGE } from './options.ts';
import { openStage, type Stage } from './stage.ts';
import { figures, heading, table } from './table.ts';

async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) return console.log(USAGE);
  const options = benchOptions(args);
  const stage = await openStage(options);
  const rounds = new Map<ContenderName, Measurement[]>(options.contenders.map((name) => [name, []]));
  try {
    for (let round = 1; round <= options.rounds; round += 1)
      for (const [name, measurements] of rounds) {
        const measurement = await playRound(name, stage, `bench.${name}.${round}`, options);
        measurements.push(measurement);
        say(`round ${round}  ${name.padEnd(16)}  ${Math.round(measurement.eventsPerSecond)} events/s`);
      }
  } finally {
    await stage.close();
  }
  const results = figures(rounds);
  console.log(
    options.json ? JSON.stringify({ options, results }) : `\n${heading(options)}\n\n${table(results)}`,
  );
}

/** The queue is filled and the cache warmed before the process starts: neither is measured. */
async function playRound(
  name: ContenderName,
  stage: Stage,
  queue: string,
  options: BenchOptions,
): Promise<Measurement> {
  const port = await freePort();
  const runner = await contender(name, stage, queue, port, options);
  try {
    await stage.warm();
    await stage.fill(queue);
    await sleep(500);
    const measurement = await measure(runner, port, options);
    await checkEffect(name, stage, queue);
    return measurement;
  } finally {
    await runner.cleanUp();
    await stage.remove(queue);
  }
}

/** A fast consumer that does not do its work is worth nothing. */
async function checkEffect(name: ContenderName, stage: Stage, queue: string): Promise<void> {
  const left = await stage.messagesIn(queue);
  const { current, outdated, absent } = await stage.cached();
  const right = {
    'acknowledge-only': () => current === 0 && absent === 0,
    'one-at-a-time': () => outdated === 0 && absent === 0,
    'all-at-once': () => outdated === 0 && absent === 0,
    'write-through': () => outdated === 0 && absent === 0,
    'read-through': () => outdated === 0 && current === 0,
  };
  if (left > 0 || !right[name]())
    throw new Error(
      `${name} left ${left} messages and a cache with ${current} current, ${outdated} outdated, ${absent} absent records`,
    );
}

function say(line: string): void {
  process.stderr.write(`${line}  (load ${(loadavg()[0] ?? 0).toFixed(1)})\n`);
}

await main(process.argv.slice(2));
