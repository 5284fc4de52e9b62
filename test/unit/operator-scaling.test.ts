import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PauseReason } from '../../api/worker-report.ts';
import type { Measurement, Observation } from '../../operator/observation.ts';
import { INITIAL_WORKER_RATE, learnWorkerRate, scale } from '../../operator/scaling.ts';
import { EMPTY_HISTORY, recordScaling } from '../../operator/scaling-behavior.ts';
import type { ScalingHistory, ScalingInput } from '../../operator/scaling-decision.ts';

const NOW = 1_800_000_000_000;
const measured = (value: number): Measurement => ({ kind: 'Measured', value });
const missing = (because: string): Measurement => ({ kind: 'Missing', because });

function observation(over: Partial<Observation> = {}): Observation {
  return {
    ready: measured(0),
    deadLetters: measured(0),
    inFlight: measured(0),
    acknowledgedRate: measured(0),
    arrivalRate: measured(0),
    saturatedWorkerRate: missing('no worker was saturated'),
    pauses: [],
    workers: [],
    ...over,
  };
}

function input(over: Partial<ScalingInput> = {}): ScalingInput {
  return {
    scaling: { mode: 'Auto', minReplicas: 1, maxReplicas: 10, targetDrainSeconds: 30, behavior: {} },
    observation: observation(),
    currentReplicas: 1,
    learnedWorkerRate: undefined,
    history: EMPTY_HISTORY,
    now: NOW,
    ...over,
  };
}

const worker = (pod: string, ...pausedBecause: PauseReason[]) => ({
  pod,
  configHash: 'h',
  state: pausedBecause.length > 0 ? ('Paused' as const) : ('Consuming' as const),
  pausedBecause,
  ttlRevision: 1,
  ageSeconds: 0,
});

describe('The scaling formula', () => {
  const table = [
    { arrivalRate: 0, ready: 0, inFlight: 0, rate: 300, wanted: 0 },
    { arrivalRate: 0.1, ready: 0, inFlight: 0, rate: 300, wanted: 1 },
    { arrivalRate: 300, ready: 0, inFlight: 0, rate: 300, wanted: 1 },
    { arrivalRate: 301, ready: 0, inFlight: 0, rate: 300, wanted: 2 },
    { arrivalRate: 0, ready: 9000, inFlight: 0, rate: 300, wanted: 1 },
    { arrivalRate: 0, ready: 9000, inFlight: 1, rate: 300, wanted: 2 },
    { arrivalRate: 500, ready: 20_000, inFlight: 500, rate: 300, wanted: 4 },
  ];
  for (const row of table) {
    it(`wants ${row.wanted} for ${row.arrivalRate}/s, ${row.ready} ready, ${row.inFlight} in flight`, () => {
      const seen = observation({
        arrivalRate: measured(row.arrivalRate),
        ready: measured(row.ready),
        inFlight: measured(row.inFlight),
      });
      const decision = scale(input({ observation: seen, learnedWorkerRate: row.rate }));
      assert.equal(decision.formula?.wanted, row.wanted);
    });
  }

  it('takes 1,000 events/s for a worker before anything is learned', () => {
    const decision = scale(input({ observation: observation({ arrivalRate: measured(2500) }) }));
    assert.equal(INITIAL_WORKER_RATE, 1000);
    assert.equal(decision.replicas, 3);
    assert.equal(decision.workerRate, undefined);
  });

  it('prints its numbers in one line', () => {
    const seen = observation({
      arrivalRate: measured(120),
      ready: measured(26_000),
      inFlight: measured(500),
    });
    const decision = scale(input({ observation: seen, learnedWorkerRate: 300 }));
    assert.equal(
      decision.printed,
      'ceil((arrivals 120.0/s + backlog 26500 / 30 s) / worker 300/s) = 4; bounds 1..10: 4; 1 -> 4',
    );
  });

  it('names the speed limit and the stabilization when they hold it back', () => {
    const up = scale(input({ observation: observation({ arrivalRate: measured(9500) }) }));
    assert.match(up.printed, /bounds 1\.\.10: 10, speed limit: 5; 1 -> 5$/);
    const down = scale(input({ currentReplicas: 6 }));
    assert.match(down.printed, /bounds 1\.\.10: 1, stabilized: 6; 6 -> 6$/);
  });

  it('keeps ticking numbers out of the condition message', () => {
    const messages = [10, 20, 30].map(
      (rate) => scale(input({ observation: observation({ arrivalRate: measured(rate) }) })).message,
    );
    assert.equal(new Set(messages).size, 1);
  });
});

describe('The rate of one worker', () => {
  const table: [stored: number | undefined, seen: Measurement, then: number | undefined][] = [
    [undefined, missing('x'), undefined],
    [undefined, measured(734.2), 730],
    [730, measured(800), 730],
    [730, measured(876), 730],
    [730, measured(877), 880],
    [730, measured(580), 580],
    [730, missing('x'), 730],
    [730, measured(0), 730],
    [730, measured(Number.NaN), 730],
    [undefined, measured(0.3), 1],
  ];
  for (const [stored, seen, then] of table) {
    it(`is ${then} after ${stored} and ${JSON.stringify(seen)}`, () => {
      assert.equal(learnWorkerRate(stored, seen), then);
    });
  }
});

describe('Replicas are held where they are', () => {
  const busy = { arrivalRate: measured(9000), ready: measured(100_000), inFlight: measured(0) };
  for (const metric of ['ready', 'inFlight', 'arrivalRate'] as const) {
    it(`when ${metric} is missing`, () => {
      const seen = observation({ ...busy, [metric]: missing('Broker away') });
      const decision = scale(input({ observation: seen, currentReplicas: 4 }));
      assert.deepEqual(
        [decision.kind, decision.replicas, decision.active, decision.reason, decision.message],
        ['Hold', 4, false, 'MetricsUnavailable', 'Broker away'],
      );
    });
    for (const absurd of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      it(`when ${metric} is ${absurd}`, () => {
        const seen = observation({ ...busy, [metric]: measured(absurd) });
        const decision = scale(input({ observation: seen, currentReplicas: 4 }));
        assert.deepEqual([decision.replicas, decision.reason], [4, 'MetricsUnavailable']);
      });
    }
  }

  for (const reason of ['RedisUnavailable', 'DatabaseUnavailable', 'ConfirmationUnavailable'] as const) {
    it(`when workers are paused by ${reason}: more of them would not help`, () => {
      const seen = observation({ ...busy, workers: [worker('a', reason), worker('b')] });
      const decision = scale(input({ observation: seen, currentReplicas: 2 }));
      assert.deepEqual([decision.replicas, decision.reason], [2, 'WorkersCannotHelp']);
      assert.match(decision.message, new RegExp(reason));
    });
  }

  it('but not when only dead letters wait, because the other events go on', () => {
    const workers = [worker('a', 'DeadLetterUnavailable')];
    const decision = scale(input({ observation: observation({ ...busy, workers }) }));
    assert.deepEqual([decision.replicas, decision.reason], [5, 'ScalingActive']);
  });

  it('but not when one worker of three is paused', () => {
    const workers = [worker('a', 'RedisUnavailable'), worker('b'), worker('c')];
    const decision = scale(input({ observation: observation({ ...busy, workers }), currentReplicas: 3 }));
    assert.equal(decision.replicas, 7);
  });
});

describe('Zero and bounds', () => {
  const fromZero = { mode: 'Auto', minReplicas: 0, maxReplicas: 5, targetDrainSeconds: 30 } as const;
  const atOnce = { scaleDown: { stabilizationWindowSeconds: 0 } };

  it('goes to zero when minReplicas is 0 and there is nothing to do', () => {
    assert.equal(scale(input({ scaling: { ...fromZero, behavior: atOnce } })).replicas, 0);
  });

  it('stays at one when one message is in flight', () => {
    const seen = observation({ inFlight: measured(1) });
    assert.equal(scale(input({ scaling: { ...fromZero, behavior: atOnce }, observation: seen })).replicas, 1);
  });

  it('comes up from zero for one message', () => {
    const seen = observation({ ready: measured(1) });
    const decision = scale(
      input({ scaling: { ...fromZero, behavior: {} }, observation: seen, currentReplicas: 0 }),
    );
    assert.equal(decision.replicas, 1);
  });

  it('corrects what lies outside the bounds at once, without metrics', () => {
    const seen = observation({ ready: missing('Broker away') });
    assert.equal(scale(input({ observation: seen, currentReplicas: 12 })).replicas, 10);
    assert.equal(scale(input({ observation: seen, currentReplicas: 0 })).replicas, 1);
  });

  it('begins with minReplicas when there is no Deployment yet', () => {
    const seen = observation({ ready: missing('not sampled yet') });
    assert.equal(scale(input({ observation: seen, currentReplicas: null })).replicas, 1);
  });

  it('in Manual mode takes spec.scaling.replicas, or keeps what runs', () => {
    const scaling = { ...input().scaling, mode: 'Manual' } as const;
    assert.equal(scale(input({ scaling: { ...scaling, replicas: 7 }, currentReplicas: 3 })).replicas, 7);
    assert.equal(scale(input({ scaling, currentReplicas: 6 })).replicas, 6);
    assert.equal(scale(input({ scaling, currentReplicas: 6 })).reason, 'ManualScaling');
  });

  it('never leaves minReplicas and maxReplicas, whatever is seen', () => {
    const number = fc.oneof(fc.double(), fc.integer());
    const metric = fc.oneof(number.map(measured), fc.constant(missing('away')));
    const rules = fc.record({
      stabilizationWindowSeconds: fc.nat(3600),
      selectPolicy: fc.constantFrom('Max' as const, 'Min' as const, 'Disabled' as const),
      policies: fc.array(
        fc.record({
          type: fc.constantFrom('Pods' as const, 'Percent' as const),
          value: fc.integer({ min: 1, max: 1000 }),
          periodSeconds: fc.integer({ min: 1, max: 1800 }),
        }),
        { maxLength: 3 },
      ),
    });
    const change = fc.record({
      at: fc.integer({ min: NOW - 10_000, max: NOW }),
      delta: fc.integer({ min: -9, max: 9 }),
    });
    const past = fc.record({ at: fc.integer({ min: NOW - 10_000, max: NOW }), replicas: fc.nat(50) });
    fc.assert(
      fc.property(
        fc.record({ ready: metric, inFlight: metric, arrivalRate: metric, saturatedWorkerRate: metric }),
        fc.record({ scaleUp: rules, scaleDown: rules }),
        fc.record({ changes: fc.array(change), recommendations: fc.array(past) }),
        fc.nat(20),
        fc.nat(20),
        fc.option(fc.nat(60)),
        (seen, behavior, history, min, span, currentReplicas) => {
          const scaling = {
            ...input().scaling,
            behavior,
            minReplicas: min,
            maxReplicas: Math.max(1, min + span),
          };
          const { replicas } = scale(
            input({ scaling, history, currentReplicas, observation: observation(seen) }),
          );
          assert.ok(Number.isInteger(replicas), `${replicas} is no whole number`);
          assert.ok(replicas >= scaling.minReplicas && replicas <= scaling.maxReplicas, `${replicas}`);
        },
      ),
    );
  });
});

describe('expectedDrainSeconds', () => {
  const seen = (ready: number, acknowledged: number, arrivals: number) =>
    scale(
      input({
        observation: observation({
          ready: measured(ready),
          acknowledgedRate: measured(acknowledged),
          arrivalRate: measured(arrivals),
        }),
      }),
    ).expectedDrainSeconds;

  it('is the backlog divided by how fast it shrinks', () => assert.equal(seen(3000, 400, 100), 10));
  it('is 0 without a backlog', () => assert.equal(seen(0, 100, 100), 0));
  it('is absent when the backlog grows', () => assert.equal(seen(3000, 100, 400), undefined));
});

describe('A simulated backlog', () => {
  /** One second at a time: events arrive, workers take what they can, the decision is applied at once. */
  function secondsToDrain(world: {
    backlog: number;
    arrivalRate: number;
    workerRate: number;
    targetDrainSeconds: number;
  }): number {
    let backlog = world.backlog;
    let replicas = 1;
    let history: ScalingHistory = EMPTY_HISTORY;
    for (let second = 0; second < 3600; second += 1) {
      if (backlog === 0) return second;
      const now = NOW + second * 1000;
      const decision = scale(
        input({
          scaling: { ...input().scaling, maxReplicas: 1000, targetDrainSeconds: world.targetDrainSeconds },
          observation: observation({ ready: measured(backlog), arrivalRate: measured(world.arrivalRate) }),
          learnedWorkerRate: world.workerRate,
          currentReplicas: replicas,
          history,
          now,
        }),
      );
      history = recordScaling(decision.history, replicas, decision.replicas, now);
      replicas = decision.replicas;
      backlog = Math.max(0, backlog + world.arrivalRate - replicas * world.workerRate);
    }
    return Number.POSITIVE_INFINITY;
  }

  it('is gone within the target, once the speed limit has let the workers come', () => {
    fc.assert(
      fc.property(
        fc.record({
          backlog: fc.integer({ min: 0, max: 500_000 }),
          arrivalRate: fc.integer({ min: 0, max: 5000 }),
          workerRate: fc.integer({ min: 100, max: 3000 }),
          targetDrainSeconds: fc.integer({ min: 10, max: 290 }),
        }),
        (world) => {
          const { arrivalRate, backlog, targetDrainSeconds, workerRate } = world;
          const wanted = Math.ceil((arrivalRate + backlog / targetDrainSeconds) / workerRate);
          // 1, 5, 10, 20, 40, ...: one step each 15 s, during which the backlog may grow by what arrives.
          const steps = wanted <= 1 ? 0 : Math.ceil(Math.log2(Math.max(1, wanted / 5))) + 1;
          const rampSeconds = steps * 15;
          const grace = rampSeconds + Math.ceil((rampSeconds * arrivalRate) / Math.max(1, backlog)) + 1;
          const took = secondsToDrain(world);
          assert.ok(took <= targetDrainSeconds + grace, `took ${took} s`);
        },
      ),
    );
  });

  it('of 300,000 events takes 10 workers of 1,000/s and 30 s, not one worker and five minutes', () => {
    const world = { backlog: 300_000, arrivalRate: 0, workerRate: 1000, targetDrainSeconds: 30 };
    const took = secondsToDrain(world);
    assert.ok(took >= 30 && took <= 45, `took ${took} s`);
  });
});
