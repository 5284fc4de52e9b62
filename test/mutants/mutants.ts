/**
 * `make mutants`: takes down one fence at a time and runs the tests that must find that out.
 *
 *   node test/mutants/mutants.ts [part of a fence's name]
 */
import { join } from 'node:path';
import { ensureServers } from '../servers/index.ts';
import { CATALOGUE } from './catalogue.ts';
import type { Killer, Mutant } from './mutant.ts';
import { copyTree, type Tree } from './tree.ts';
import { type Results, runTests, type Verdict, verdictOn } from './verdict.ts';

const root = join(import.meta.dirname, '../..');

const WIDTHS = [40, 34, 48, 7] as const;

function print(cells: readonly string[], end: string): void {
  const fitted = cells.map((cell, index) => cell.slice(0, WIDTHS[index]).padEnd(WIDTHS[index] ?? 0));
  console.log(`${fitted.join('  ')}  ${end}`);
}

const nameOf = ({ file, names = '' }: Killer) => `${file.replace('test/', '')} ${names}`.trim();

/** Runs each killer once with every fence in place, and remembers what it said. */
class Baseline {
  readonly #known = new Map<string, Results>();
  readonly #tree: Tree;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  async of(killer: Killer): Promise<Results> {
    const known = this.#known.get(nameOf(killer));
    if (known !== undefined) return known;
    const results = await runTests(this.#tree.directory, killer);
    this.#known.set(nameOf(killer), results);
    return results;
  }
}

async function judge(tree: Tree, baseline: Baseline, mutant: Mutant, killer: Killer): Promise<Verdict> {
  const before = await baseline.of(killer);
  const startedAt = performance.now();
  let verdict: Verdict;
  try {
    const after = await tree.whileMutated(mutant, () => runTests(tree.directory, killer));
    verdict = verdictOn(before, after);
  } catch (error) {
    verdict = { kind: 'BROKEN', why: error instanceof Error ? error.message : String(error) };
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
  const why = verdict.kind === 'BROKEN' ? `BROKEN: ${verdict.why}` : verdict.kind;
  print([mutant.fence, mutant.patches[0].file, nameOf(killer), seconds], why);
  return verdict;
}

async function main(wanted: string): Promise<number> {
  const mutants = CATALOGUE.filter(({ fence }) => fence.includes(wanted));
  if (mutants.length === 0) throw new Error(`no fence has ${wanted} in its name`);
  await ensureServers();
  const tree = copyTree(root);
  process.on('SIGINT', () => process.exit(130));
  process.on('exit', () => tree.remove());
  const baseline = new Baseline(tree);
  print(['mutant: without', 'file', 'killer', 'seconds'], 'verdict');
  let missed = 0;
  let trials = 0;
  for (const mutant of mutants) {
    for (const killer of mutant.killers) {
      trials += 1;
      if ((await judge(tree, baseline, mutant, killer)).kind !== 'killed') missed += 1;
    }
  }
  console.log(`\n${mutants.length} mutants, ${trials - missed} of ${trials} trials killed, ${missed} not`);
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv[2] ?? '');
