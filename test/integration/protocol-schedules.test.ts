import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { explore } from '../protocol/interleavings.ts';
import { Order } from '../protocol/order.ts';
import { openSchedule, SCENARIOS } from '../protocol/scenarios.ts';
import { setStage } from '../protocol/stage.ts';

/**
 * The real reader, worker, catch-up and initiators on real Redis and PostgreSQL, one step at a time, in every order in
 * which they can take their steps; a random choice of these where there are more than MOST. PROTOCOL_SCHEDULES and
 * PROTOCOL_SEED change how many and which.
 */
const MOST = Number(process.env.PROTOCOL_SCHEDULES ?? 120);
const SEED = Number(process.env.PROTOCOL_SEED ?? Date.now() % 2 ** 31);
const LANES = 8;

const stage = await setStage({ after }, 2 * LANES);

for (const scenario of SCENARIOS) {
  test(`${scenario.name}: C1 to C5 hold in every schedule (seed ${SEED})`, async (t) => {
    const open = (lane: number) => openSchedule(scenario, stage, lane, (orderId) => new Order(orderId));
    const { schedules, all, problem } = await explore(open, { most: MOST, seed: SEED, lanes: LANES });
    t.diagnostic(`${schedules} schedules, ${all ? 'all there are' : 'chosen at random'}`);
    assert.equal(problem, null);
  });
}
