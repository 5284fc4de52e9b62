import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { expected, keepDurations, knownDurations, longestFirst, slowest } from '../runner/durations.ts';
import { Progress, spanOf } from '../runner/progress.ts';
import { suites } from '../runner/suites.ts';

/** Four files of 60 s, two at a time, and a minute of other suites afterwards. */
function progress(afterwards = 60): Progress {
  const files = ['a', 'b', 'c', 'd'];
  const durations = new Map(files.map((file) => [file, 60]));
  return new Progress({ title: 'integration', files, concurrency: 2, afterwards, durations });
}

describe('The line of progress', () => {
  it('says what remains of the suite, and with the suites after it', () => {
    const line = 'integration 0/4 files, about 2 min left, 3 min with the suites after it';
    assert.equal(progress().line(0), line);
    assert.equal(progress(0).line(0), 'integration 0/4 files, about 2 min left');
  });

  it('counts what the running files have done already', () => {
    const half = progress(0);
    half.started('a', 0);
    half.started('b', 0);
    assert.equal(half.line(60), 'integration 0/4 files, about 60 s left');
    half.ended('a', 60);
    half.ended('b', 60);
    assert.equal(half.line(60), 'integration 2/4 files, about 60 s left');
  });

  it('reckons with a machine that is slower than expected', () => {
    const slow = progress(0);
    for (const file of ['a', 'b']) {
      slow.started(file, 0);
      slow.ended(file, 120);
    }
    assert.equal(slow.line(120), 'integration 2/4 files, about 2 min left');
  });

  it('says no less than the longest file takes', () => {
    assert.equal(spanOf([100, 10, 10], 3), 100);
    assert.equal(spanOf([], 3), 0);
  });
});

describe('Durations of files', () => {
  it('decide which begins first: the longest', () => {
    const durations = new Map([
      ['test/unit/long.test.ts', 90],
      ['test/unit/short.test.ts', 1],
    ]);
    const files = ['test/unit/short.test.ts', 'test/unit/unknown.test.ts', 'test/unit/long.test.ts'];
    const [first, , last] = longestFirst(files, durations);
    assert.deepEqual([first, last], ['test/unit/long.test.ts', 'test/unit/short.test.ts']);
  });

  it('are those of the last run on this machine', (t: TestContext) => {
    const directory = mkdtempSync(join(tmpdir(), 'order-cache-operator-durations-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'durations.json');
    keepDurations(new Map([['test/unit/a.test.ts', 1.26]]), file);
    keepDurations(new Map([['test/unit/b.test.ts', 2]]), file);
    assert.equal(knownDurations(file).get('test/unit/a.test.ts'), 1.3);
    assert.equal(knownDurations(file).get('test/unit/b.test.ts'), 2);
    writeFileSync(file, 'not JSON');
    assert.equal(knownDurations(file).has('test/unit/b.test.ts'), false);
  });

  it('are estimated by suite where a file has never run', () => {
    const never = new Map<string, number>();
    const files = ['test/unit/a.test.ts', 'test/integration/a.test.ts', 'test/e2e/a.test.ts'];
    assert.deepEqual(
      files.map((file) => expected(never, file)),
      [2, 10, 45],
    );
  });

  it('are listed from the slowest, ten at most', () => {
    const measured = new Map(Array.from({ length: 12 }, (_, n) => [`file${n}`, n]));
    const lines = slowest(measured).split('\n');
    assert.equal(lines.length, 10);
    assert.equal(lines[0], '    11.0 s  file11');
  });
});

describe('The order of suites', () => {
  it('has what needs no cluster first', async () => {
    const planned = await suites(['unit', 'integration', 'e2e'], []);
    assert.deepEqual(
      planned.map(({ title, needsCluster }) => [title, needsCluster]),
      [
        ['unit', false],
        ['integration', false],
        ['integration with Kubernetes', true],
        ['e2e', true],
      ],
    );
    const [, alone, clustered] = planned;
    assert.ok(alone?.files.includes('test/integration/publisher.test.ts'));
    assert.ok(clustered?.files.includes('test/integration/operator-crd.test.ts'));
    assert.ok(clustered?.files.includes('test/integration/operator-whole.test.ts'));
  });
});
