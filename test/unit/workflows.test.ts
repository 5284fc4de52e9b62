import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';

/** What the workflows of GitHub may do, and what they call. actionlint checks their form: test/integration. */

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Step {
  readonly uses?: string;
  readonly run?: string;
}
interface Job {
  readonly uses?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly steps?: readonly Step[];
}
interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const targets = [...read('Makefile').matchAll(/^([a-z0-9 -]+):/gm)].flatMap(([, names = '']) =>
  names.split(' '),
);

/** A commit says which code runs; the comment says which release it is. */
const PINNED = /^ *(?:- )?uses: (?:\.\/\S+|[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/;

for (const file of globSync('.github/workflows/*.yml', { cwd: root })) {
  describe(file, () => {
    const text = read(file);
    const workflow: Workflow = parse(text);
    const jobs = Object.entries(workflow.jobs);
    const commands = jobs.flatMap(([, { steps = [] }]) => steps.flatMap(({ run = '' }) => run.split('\n')));

    it('names each action of others by its commit and release', () => {
      const uses = text.split('\n').filter((line) => /\buses:/.test(line));
      assert.ok(uses.length > 0);
      assert.deepEqual(
        uses.filter((line) => !PINNED.test(line)),
        [],
      );
    });

    it('lets no job write that does not say so itself', () => {
      assert.deepEqual(workflow.permissions, { contents: 'read' });
    });

    it('gives each job of its own an end', () => {
      const endless = jobs.filter(
        ([, job]) => job.uses === undefined && job['timeout-minutes'] === undefined,
      );
      assert.deepEqual(endless, []);
    });

    it('calls make targets that are there', () => {
      const called = commands.flatMap((line) =>
        [...line.matchAll(/\bmake ([a-z-]+)/g)].map(([, name]) => name),
      );
      assert.deepEqual(
        called.filter((name) => !targets.includes(name ?? '')),
        [],
      );
    });
  });
}

describe('CI', () => {
  it('calls .ci/run', () => {
    assert.match(read('.github/workflows/ci.yml'), /^ +- run: bash \.ci\/run$/m);
  });
});

describe('the release', () => {
  it('gives each job what it publishes with, and no job more', () => {
    const { jobs }: Workflow = parse(read('.github/workflows/release.yml'));
    const writes = Object.entries(jobs).map(([name, { permissions = {} }]) => [
      name,
      Object.keys(permissions).filter((scope) => permissions[scope] === 'write'),
    ]);
    assert.deepEqual(Object.fromEntries(writes), {
      ci: [],
      plan: [],
      image: ['packages', 'id-token', 'attestations'],
      files: [],
      chart: ['packages'],
      npm: ['id-token'],
      github: ['contents', 'id-token', 'attestations'],
    });
  });

  it('makes its files with `make release`, as a dry run does', () => {
    assert.match(read('.github/workflows/release.yml'), /^ +run: make release$/m);
  });
});
