/**
 * `make deletions`: policy, Secrets, RoleBinding and namespace are deleted in every order and at random, with a real API
 * server, Redis and broker, and what stands there afterwards is looked at. A defect that shows in one deletion of a
 * hundred stays hidden in 300 of them with a probability of 5 % (0.99^300). Exit code 0 only if all were right.
 */
import { seededRandom } from '../fixtures/seeded-random.ts';
import { allOrders, type DeletionRow, playRow, rowName } from '../integration/deletion-row.ts';
import { type DeletionStage, deletionStage } from '../integration/deletion-stage.ts';
import type { Scope } from '../servers/index.ts';
import { deletionsOptions, USAGE } from './options.ts';
import { wrongAfter } from './outcome.ts';

const ROW_DEADLINE_MS = 10 * 60_000;

async function main(): Promise<boolean> {
  const options = deletionsOptions(process.argv.slice(2));
  console.log(`seed ${options.seed}`);
  const cleanups: (() => Promise<void>)[] = [];
  const scope: Scope = { after: (cleanup) => void cleanups.push(cleanup) };
  const stage = await deletionStage(scope);
  const rows = [...(options.all ? everyRow() : []), ...randomRows(options.races, seededRandom(options.seed))];
  const failures = await playAll(stage, rows, options.parallel);
  for (const cleanup of cleanups) await cleanup();
  console.log(`\n${rows.length - failures} passed, ${failures} failed; seed ${options.seed}`);
  return failures === 0;
}

function everyRow(): DeletionRow[] {
  return allOrders().flatMap((order) =>
    (['None', 'LongerThanSecretCache'] as const).map((wait) => ({ order, wait, deletionPolicy: 'Retain' })),
  );
}

function randomRows(count: number, random: () => number): DeletionRow[] {
  const orders = allOrders();
  const below = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, () => {
    // Half of them are the namespace as a whole, where Kubernetes chooses the order.
    const order = random() < 0.5 ? ['namespace' as const] : (orders[below(orders.length)] ?? []);
    const restarts = random() < 0.2;
    return {
      order,
      wait: random() < 0.3 ? 'LongerThanSecretCache' : 'None',
      deletionPolicy: !restarts && random() < 0.2 ? 'Delete' : 'Retain',
      ...(restarts && { restartAt: below(order.length) }),
      ...(random() < 0.3 && { consumerStaysMs: below(3_000) }),
    };
  });
}

async function playAll(
  stage: DeletionStage,
  rows: readonly DeletionRow[],
  parallel: number,
): Promise<number> {
  const left = [...rows.entries()];
  let failures = 0;
  let done = 0;
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, row] = next;
      const wrong = await judge(stage, row);
      done += 1;
      if (wrong !== undefined) {
        failures += 1;
        console.log(`wrong: ${index + 1}: ${rowName(row)}\n  ${wrong}`);
      }
      if (done % 25 === 0) console.log(`${done} of ${rows.length}, ${failures} wrong`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return failures;
}

/** What is wrong after a row; undefined: nothing. */
async function judge(stage: DeletionStage, row: DeletionRow): Promise<string | undefined> {
  const deadline = AbortSignal.timeout(ROW_DEADLINE_MS);
  const late = new Promise<never>((_, reject) => {
    deadline.addEventListener('abort', () => reject(new Error('not over after ten minutes')));
  });
  try {
    return await Promise.race([play(stage, row), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function play(stage: DeletionStage, row: DeletionRow): Promise<string | undefined> {
  const outcome = await playRow(stage, row);
  try {
    return await wrongAfter(stage, row, outcome);
  } finally {
    await outcome.scene[Symbol.asyncDispose]();
  }
}

try {
  process.exit((await main()) ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exit(1);
}
