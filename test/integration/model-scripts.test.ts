import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { seededRandom } from '../fixtures/seeded-random.ts';
import type { Fence } from '../model/fence.ts';
import type { Scenario } from '../model/scenario.ts';
import { SCENARIOS } from '../model/scenarios.ts';
import { walk } from '../model/walk.ts';
import { cacheWorld } from './cache-world.ts';
import { ModelPlay } from './model-play.ts';

/** Walks of each scenario; `ORDERCACHE_WALKS` and `ORDERCACHE_WALK_SEED` change how many and which. */
const WALKS = Number(process.env.ORDERCACHE_WALKS ?? 16);
const SEED = Number(process.env.ORDERCACHE_WALK_SEED ?? 1);
const LENGTH = 60;

/** A real Redis runs out of memory as a whole, and not for one script. */
const playable = SCENARIOS.filter(({ faults }) => !faults.oom);

const world = await cacheWorld({ after });
const compared = new Set<string>();
let played = 0;

async function play(scenario: Scenario, seed: number, without?: Fence): Promise<void> {
  played += 1;
  const { first, steps } = walk(scenario, seededRandom(seed), LENGTH, without);
  const play = new ModelPlay(world, `W${played}`, (what) => compared.add(what));
  await play.play(first, steps);
}

async function playAll(scenarios: readonly Scenario[], without?: Fence): Promise<void> {
  for (let at = 0; at < WALKS; at += 1) {
    await Promise.all(scenarios.map((scenario, index) => play(scenario, SEED + at * 1000 + index, without)));
  }
}

test(`the scripts do what the model says, in ${WALKS} random interleavings of each scenario (seed ${SEED})`, async () => {
  await playAll(playable);
  assert.ok(played >= WALKS * playable.length);
});

test('those interleavings have met every result that a script gives, but for want of memory', () => {
  const expected = [
    ...['granted', 'held', 'found', 'knownAbsent'].map((result) => `lease: ${result}`),
    ...['filled', 'fenced'].map((result) => `fill: ${result}`),
    ...['filledAbsent', 'fenced'].map((result) => `fillAbsent: ${result}`),
    ...['released', 'fenced'].map((result) => `release: ${result}`),
    ...['absent', 'voided', 'marked'].map((result) => `mark: ${result}`),
    ...['absent', 'voided', 'dropped', 'unchanged'].map((result) => `drop: ${result}`),
    ...['absent', 'unchanged', 'updated', 'NoRow', 'Fenced', 'NoTtlTable'].map(
      (result) => `settle: ${result}`,
    ),
  ];
  assert.deepEqual(
    expected.filter((what) => !compared.has(what)),
    [],
  );
});

for (const fence of ['lease check in fill', 'void', 'ticket', 'drop on refusal'] as const) {
  test(`a model without "${fence}" is not what the scripts do`, async () => {
    await assert.rejects(playAll(playable, fence), assert.AssertionError);
  });
}
