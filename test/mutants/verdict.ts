import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Killer } from './mutant.ts';

/** Names of the tests that ran. A test that did not end in time has failed. */
export interface Results {
  readonly passed: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

const TEST_TIMEOUT_MS = 120_000;
const FILE_EXIT = new URL('../file-exit.ts', import.meta.url);

/** More schedules than in `make test`: which of them are played is chosen at random. */
const SHARES = { PROTOCOL_SCHEDULES: '1500', PROTOCOL_SEED: '1', ORDERCACHE_SCHEDULE_SEED: '1' };

/** Runs the killer's tests in a process of its own. */
export async function runTests(directory: string, { file, names }: Killer): Promise<Results> {
  const pattern = names === undefined ? [] : [`--test-name-pattern=${names}`];
  const options = ['--no-warnings', '--test', '--test-reporter=tap', `--import=${FILE_EXIT}`];
  const args = [...options, `--test-timeout=${TEST_TIMEOUT_MS}`, ...pattern, file];
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: { ...process.env, ...SHARES },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const passed = new Set<string>();
  const failed = new Set<string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [, not, name] = /^\s*(not )?ok \d+ - (.*)$/.exec(line) ?? [];
    if (name === undefined || (not === undefined && name === file)) continue;
    (not === undefined ? passed : failed).add(withoutNumbers(name));
  }
  return { passed, failed };
}

/** Some names tell a seed or a count, which differ from run to run. */
function withoutNumbers(name: string): string {
  return name.replaceAll(/\d+/g, 'N');
}

export type Verdict =
  | { readonly kind: 'killed'; readonly by: string }
  | { readonly kind: 'SURVIVED' }
  /** The killer proves nothing: it runs no test, or fails with the fence in place. */
  | { readonly kind: 'BROKEN'; readonly why: string };

/** Killed when a test fails that passes with the fence in place; a file that does not even load kills nothing. */
export function verdictOn(before: Results, after: Results): Verdict {
  const [red] = before.failed;
  if (red !== undefined) return { kind: 'BROKEN', why: `fails with the fence in place: ${red}` };
  if (before.passed.size === 0) return { kind: 'BROKEN', why: 'no such test' };
  const by = [...after.failed].find((name) => before.passed.has(name));
  if (by !== undefined) return { kind: 'killed', by };
  const [other] = after.failed;
  return other === undefined ? { kind: 'SURVIVED' } : { kind: 'BROKEN', why: `does not load: ${other}` };
}
