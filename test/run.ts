/**
 * `make test`: every check in order, each with its own count, and the sum on the last line.
 *
 *   node test/run.ts [unit|integration|e2e|pages] [file ...]
 *
 * `pages` is run only by its name.
 */
import { spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { clusterInBackground } from './runner/cluster-in-background.ts';
import { keepDurations, knownDurations, longestFirst, slowest } from './runner/durations.ts';
import { expectedSpan, minutes, Progress } from './runner/progress.ts';
import { type Suite, type SuiteName, suites } from './runner/suites.ts';

type Count = { passed: number; failed: number };

const ALL: readonly SuiteName[] = ['unit', 'integration', 'e2e'];
const NAMES: readonly SuiteName[] = [...ALL, 'pages'];
const PROGRESS_EVERY_SECONDS = 5;
const durations = knownDurations();
const seconds = (): number => performance.now() / 1000;

function check(name: string, command: string, args: string[]): Count {
  announce(name);
  const { status } = spawnSync(process.execPath, [`node_modules/.bin/${command}`, ...args], {
    stdio: 'inherit',
  });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runSuite(
  suite: Suite,
  afterwards: number,
  cluster: Promise<void> | undefined,
): Promise<Count> {
  const { title, files, concurrency } = suite;
  announce(`${title}: ${files.length} files, about ${minutes(expectedSpan({ ...suite, durations }))}`);
  const count = { passed: 0, failed: 0 };
  try {
    if (suite.needsCluster) await cluster;
    await suite.prepare?.();
  } catch (error) {
    console.log(`${title} cannot run: ${error}`);
    return { passed: 0, failed: files.length };
  }
  const progress = new Progress({ title, files, concurrency, afterwards, durations });
  await runFiles(suite, progress, count);
  await suite.finish?.().catch((error: unknown) => {
    console.log(`what the suite shares could not be taken away: ${error}`);
    count.failed += 1;
  });
  console.log(`slowest files of ${title}:\n${slowest(progress.measured)}`);
  keepDurations(new Map([...progress.measured].filter(([path]) => path.startsWith('test/'))));
  return count;
}

async function runFiles({ files, concurrency }: Suite, progress: Progress, count: Count): Promise<void> {
  const stream = run({
    files: concurrency === 1 ? [...files] : longestFirst(files, durations),
    concurrency,
    timeout: 15 * 60_000,
    execArgv: ['--no-warnings', `--import=${new URL('file-exit.ts', import.meta.url)}`],
  });
  const fileOf = (name: string) => files.find((file) => file === name || file === relative('.', name));
  let printed = seconds();
  // These two come as they happen; results come in the order of the files.
  stream.on('test:dequeue', ({ name }) => {
    const file = fileOf(name);
    if (file !== undefined) progress.started(file, seconds());
  });
  stream.on('test:complete', ({ name }) => {
    const file = fileOf(name);
    if (file === undefined) return;
    progress.ended(file, seconds());
    if (seconds() - printed < PROGRESS_EVERY_SECONDS) return;
    printed = seconds();
    console.log(`--- ${progress.line(printed)}`);
  });
  stream.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return;
    count.passed += counts.passed;
    count.failed += counts.tests - counts.passed;
  });
  for await (const line of stream.compose(spec)) process.stdout.write(line);
}

function announce(what: string): void {
  console.log(`\n=== ${what} (${new Date().toISOString().slice(11, 19)})`);
}

async function main(names: readonly SuiteName[], files: string[]): Promise<void> {
  const counts: Count[] = [];
  const planned = await suites(names.length === 0 ? ALL : names, files);
  const cluster = planned.some(({ needsCluster }) => needsCluster) ? clusterInBackground() : undefined;
  if (names.length === 0) {
    counts.push(check('format, lint and import directions', 'biome', ['check', '--error-on-warnings', '.']));
    counts.push(check('types', 'tsc', ['--noEmit']));
  }
  for (const [index, suite] of planned.entries()) {
    const later = planned.slice(index + 1).map((next) => expectedSpan({ ...next, durations }));
    counts.push(
      await runSuite(
        suite,
        later.reduce((sum, each) => sum + each, 0),
        cluster,
      ),
    );
  }
  const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
}

const [first, ...rest] = process.argv.slice(2);
const name = NAMES.find((known) => known === first);
if (first !== undefined && name === undefined)
  throw new Error(`expected one of ${NAMES.join(', ')}, got ${first}`);
await main(name === undefined ? [] : [name], rest);
