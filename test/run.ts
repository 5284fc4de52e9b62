/**
 * `make test`: every check in order, each with its own count, and the sum on the last line.
 *
 *   node test/run.ts [unit|integration|e2e] [file ...]
 */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

type Count = { passed: number; failed: number };
interface Suite {
  readonly name: string;
  /** Test files that run at the same time. */
  readonly concurrency: number;
  /** What must be up before the first test. */
  readonly prepare: () => Promise<void>;
  /** Takes away what the files of the suite share. */
  readonly finish?: () => Promise<void>;
}

const suites: readonly Suite[] = [
  { name: 'unit', concurrency: 2, prepare: async () => {} },
  { name: 'integration', concurrency: 2, prepare: servicesUp },
  { name: 'e2e', concurrency: 1, prepare: clusterUp, finish: sceneClosed },
];

async function servicesUp(): Promise<void> {
  const { ensureServers } = await import('./servers/index.ts');
  await ensureServers();
  await clusterUp();
}

async function clusterUp(): Promise<void> {
  const { ensureCluster } = await import('./cluster/index.ts');
  await ensureCluster();
}

async function sceneClosed(): Promise<void> {
  const { closeScene } = await import('./e2e/scene.ts');
  await closeScene();
}

function check(name: string, command: string, args: string[]): Count {
  announce(name);
  const { status } = spawnSync(process.execPath, [`node_modules/.bin/${command}`, ...args], {
    stdio: 'inherit',
  });
  return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function runSuite(suite: Suite, files: string[]): Promise<Count> {
  announce(`${suite.name}: ${files.length} files`);
  await suite.prepare();
  const count = { passed: 0, failed: 0 };
  const stream = run({
    files,
    concurrency: suite.concurrency,
    timeout: 15 * 60_000,
    execArgv: ['--no-warnings', `--import=${new URL('file-exit.ts', import.meta.url)}`],
  });
  stream.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return;
    count.passed += counts.passed;
    count.failed += counts.tests - counts.passed;
  });
  for await (const line of stream.compose(spec)) process.stdout.write(line);
  await suite.finish?.().catch((error: unknown) => {
    console.log(`what the suite shares could not be taken away: ${error}`);
    count.failed += 1;
  });
  return count;
}

function announce(what: string): void {
  console.log(`\n=== ${what} (${new Date().toISOString().slice(11, 19)})`);
}

async function main(names: string[], files: string[]): Promise<void> {
  const counts: Count[] = [];
  if (names.length === 0) {
    counts.push(check('format, lint and import directions', 'biome', ['check', '--error-on-warnings', '.']));
    counts.push(check('types', 'tsc', ['--noEmit']));
  }
  for (const suite of suites.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const chosen = files.length > 0 ? files : globSync(`test/${suite.name}/**/*.test.ts`).sort();
    counts.push(await runSuite(suite, chosen));
  }
  const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
}

const [first, ...rest] = process.argv.slice(2);
await main(first === undefined ? [] : [first], rest);
