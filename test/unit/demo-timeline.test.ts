import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../../demo/timeline.ts';

/** Values one second apart, and the labels of the plot's axis from top to bottom. */
function labels(...values: number[]): number[] {
  const timeline = new Timeline();
  for (const [second, value] of values.entries()) timeline.add(second * 1000, value);
  const [, ...lines] = timeline.plot('a title', 0, values.length * 1000).split('\n');
  return lines.map((line) => Number.parseInt(line, 10));
}

for (const [highest, expected] of [
  [0, [1, 0]],
  [1, [1, 0]],
  [4, [4, 3, 2, 1, 0]],
  [6, [6, 5, 4, 3, 2, 1, 0]],
  [7, [8, 6, 4, 2, 0]],
  [12_345, [12_348, 10_290, 8232, 6174, 4116, 2058, 0]],
] as const) {
  test(`the axis of a plot up to ${highest} has each label once`, () => {
    assert.deepEqual(labels(0, highest, 0), expected);
  });
}
