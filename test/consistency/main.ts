/**
 * `make consistency`: MES, CRM and readers at work on real servers, and the database's commit order as the truth about
 * every hit. Three parts: without faults, with faults, and a control with readers that are known to be wrong, which the
 * checker must find out. Exit code 0 only if nothing is wrong but the control.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../fixtures/seeded-random.ts';
import type { Scope } from '../servers/index.ts';
import { breakThings } from './faults.ts';
import { type Findings, judgeHits } from './findings.ts';
import { History } from './history.ts';
import { Initiators } from './initiators.ts';
import { type ConsistencyOptions, consistencyOptions, USAGE } from './options.ts';
import { Readers } from './readers.ts';
import { World } from './world.ts';

const CONTROL_SECONDS = 15;
/** It goes on until a hit went back, on a slow machine too, but no longer than this. */
const LONGEST_CONTROL_SECONDS = 240;

interface Part {
  readonly name: string;
  readonly naive: boolean;
  /** Resolves when there has been enough load. */
  readonly run: (world: World, readers: Readers) => Promise<string>;
}

interface Result {
  readonly findings: Findings;
  readonly reads: number;
  readonly backwards: number;
  readonly changes: number;
  readonly lost: number;
  readonly records: number;
  readonly stale: readonly string[];
}

function parts(options: ConsistencyOptions): readonly Part[] {
  const enough = async (_: World, readers: Readers) => {
    while (readers.reads < options.reads) await progress(readers, options.reads);
    return 'no faults';
  };
  const faulty = async (world: World) => {
    const counts = await breakThings(world, seededRandom(options.seed), options.faultSeconds);
    return Object.entries(counts)
      .map(([name, count]) => `${name} ${count}x`)
      .join(', ');
  };
  const control = async (_: World, readers: Readers) => {
    const since = performance.now();
    const seconds = () => (performance.now() - since) / 1_000;
    while (seconds() < CONTROL_SECONDS || (readers.backwards === 0 && seconds() < LONGEST_CONTROL_SECONDS))
      await sleep(1_000);
    return 'no faults, and readers without leases';
  };
  return [
    { name: 'Without faults', naive: false, run: enough },
    { name: 'With faults', naive: false, run: faulty },
    { name: 'Control: this part must be found wrong', naive: true, run: control },
  ];
}

async function progress(readers: Readers, wanted: number): Promise<void> {
  await sleep(10_000);
  console.log(`  ${readers.reads} of ${wanted} reads`);
}

/** Load, then quiet, then every record is compared with its row. */
async function play(part: Part, options: ConsistencyOptions): Promise<Result> {
  const cleanups: (() => Promise<void>)[] = [];
  const scope: Scope = { after: (cleanup) => void cleanups.unshift(cleanup) };
  try {
    const world = await World.open(scope, options.orders);
    const { stage, redis } = world;
    const history = new History();
    for (let order = 0; order < options.orders; order += 1)
      history.committed(order, { change: order + 1, deleted: false, committedAt: 0 });
    const databaseUri = stage.database.uri;
    const shared = { databaseUri, orders: options.orders, seed: options.seed };
    const { amqpUri } = stage.vhost;
    const { changesPerSecond } = options;
    const initiators = new Initiators(
      { ...shared, amqpUri, queue: stage.topology.queue, changesPerSecond },
      history,
    );
    const readers = new Readers();
    scope.after(() => readers.stop());
    initiators.start();
    const { keyPrefix } = stage;
    readers.start(2, { ...shared, redisUri: redis.uri, keyPrefix, naive: part.naive });
    console.log(`  ${await part.run(world, readers)}`);
    await initiators.stop();
    const lost = await world.quiet(history, initiators.published);
    await readers.stop();
    const { records, stale } = await world.staleRecords();
    const { reads, failures, backwards } = readers;
    console.log(`  ${failures} reads and ${initiators.failures} changes or publishes met an error`);
    const findings = judgeHits(history, readers.hits());
    return {
      findings,
      reads,
      backwards,
      changes: history.changes - options.orders,
      lost: lost.length,
      records,
      stale,
    };
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

function show({ findings, reads, backwards, changes, lost, records, stale }: Result): void {
  const { hits, byAge, afterEvent, longestAfterEvent, violations, neverCommitted } = findings;
  const ages = Object.entries(byAge)
    .map(([age, count]) => `${age}: ${count}`)
    .join(', ');
  console.log(`  changes committed              ${changes}, events without an outcome ${lost}`);
  console.log(`  reads                          ${reads}, hits ${hits}`);
  console.log(`  hits staler than the database  ${findings.stale} (${ages})`);
  console.log(
    `  ... after their event          ${afterEvent}, the longest ${longestAfterEvent.toFixed(1)} ms after`,
  );
  console.log(`  ... more than 1 s after        ${violations} ${bound(violations, hits)}`);
  console.log(`  hits of what never was         ${neverCommitted}`);
  console.log(`  hits that went back            ${backwards} ${bound(backwards, hits)}`);
  console.log(
    `  records after quiescence       ${records}, stale ${stale.length} ${stale.slice(0, 3).join(' ')}`,
  );
}

/** Rule of three: without a failure in N trials the rate is below 3 / N with 95 % confidence. */
function bound(failures: number, trials: number): string {
  return failures > 0 || trials === 0 ? '' : `(rate below ${(3 / trials).toExponential(1)}, 95 % confidence)`;
}

function isWrong({ findings, backwards, lost, stale }: Result): boolean {
  return findings.violations + findings.neverCommitted + backwards + lost + stale.length > 0;
}

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE);
    return 0;
  }
  const options = consistencyOptions(args);
  console.log(`seed ${options.seed}, ${options.orders} orders, ${options.changesPerSecond} changes/s`);
  let wrong = 0;
  for (const part of parts(options)) {
    console.log(`\n${part.name}`);
    const result = await play(part, options);
    show(result);
    if (isWrong(result) === part.naive) continue;
    wrong += 1;
    console.log(part.naive ? '  NOT FOUND OUT: the checker is blind' : '  WRONG');
  }
  console.log(wrong === 0 ? '\nconsistent' : '\nNOT consistent');
  return wrong === 0 ? 0 : 1;
}

// A server that is being stopped does not keep this process alive.
setInterval(() => undefined, 60_000);
process.exit(await main(process.argv.slice(2)));
