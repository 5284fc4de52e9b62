import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ScalingBehavior } from '../../api/policy-scaling.ts';
import {
  EMPTY_HISTORY,
  effectiveBehavior,
  limitSpeed,
  recordRecommendation,
  recordScaling,
  stabilize,
} from '../../operator/scaling-behavior.ts';

const NOW = 1_000_000_000;
const ago = (seconds: number) => NOW - seconds * 1000;

const changes = (...list: [secondsAgo: number, delta: number][]) => ({
  recommendations: [],
  changes: list.map(([seconds, delta]) => ({ at: ago(seconds), delta })),
});
const recommendations = (...list: [secondsAgo: number, replicas: number][]) => ({
  changes: [],
  recommendations: list.map(([seconds, replicas]) => ({ at: ago(seconds), replicas })),
});

describe('The speed limits of scaling, computed by hand after the HPA documentation', () => {
  const pods = (value: number, periodSeconds: number) => ({ type: 'Pods' as const, value, periodSeconds });
  const percent = (value: number, periodSeconds: number) => ({
    type: 'Percent' as const,
    value,
    periodSeconds,
  });
  const cases: {
    it: string;
    behavior: ScalingBehavior;
    from: number;
    to: number;
    history?: ReturnType<typeof changes>;
    gives: number;
  }[] = [
    {
      it: 'by default 1 goes up by 4 pods, which is more than 100 %',
      behavior: {},
      from: 1,
      to: 20,
      gives: 5,
    },
    {
      it: 'by default 10 goes up by 100 %, which is more than 4 pods',
      behavior: {},
      from: 10,
      to: 50,
      gives: 20,
    },
    { it: 'by default everything may go down at once', behavior: {}, from: 80, to: 1, gives: 1 },
    {
      it: 'what was added within the period counts: 1 + 4 already happened 10 s ago',
      behavior: {},
      from: 5,
      to: 50,
      history: changes([10, 4]),
      gives: 5,
    },
    {
      it: 'what was added before the period does not count',
      behavior: {},
      from: 5,
      to: 50,
      history: changes([15, 4]),
      gives: 10,
    },
    {
      it: 'what was removed within the period may come back on top',
      behavior: { scaleUp: { policies: [pods(2, 60)] } },
      from: 3,
      to: 50,
      history: changes([30, -5]),
      gives: 10,
    },
    {
      it: 'down by 10 % of 80 is 8 (example of the HPA documentation)',
      behavior: { scaleDown: { policies: [pods(4, 60), percent(10, 60)] } },
      from: 80,
      to: 1,
      gives: 72,
    },
    {
      it: 'from 40 replicas on, 4 pods are more than 10 %',
      behavior: { scaleDown: { policies: [pods(4, 60), percent(10, 60)] } },
      from: 39,
      to: 1,
      gives: 35,
    },
    {
      it: 'selectPolicy Min takes the least change',
      behavior: { scaleDown: { selectPolicy: 'Min', policies: [pods(4, 60), percent(10, 60)] } },
      from: 80,
      to: 1,
      gives: 76,
    },
    {
      it: 'selectPolicy Min upwards takes the least change',
      behavior: { scaleUp: { selectPolicy: 'Min', policies: [pods(4, 60), percent(100, 60)] } },
      from: 10,
      to: 50,
      gives: 14,
    },
    {
      it: '1 % of 10 downwards is one replica, so that small steps end',
      behavior: { scaleDown: { policies: [percent(1, 60)] } },
      from: 10,
      to: 1,
      gives: 9,
    },
    {
      it: '1 % of 10 upwards is one replica',
      behavior: { scaleUp: { policies: [percent(1, 60)] } },
      from: 10,
      to: 20,
      gives: 11,
    },
    {
      it: 'Disabled forbids the way down',
      behavior: { scaleDown: { selectPolicy: 'Disabled' } },
      from: 10,
      to: 1,
      gives: 10,
    },
    {
      it: 'Disabled forbids the way up',
      behavior: { scaleUp: { selectPolicy: 'Disabled' } },
      from: 1,
      to: 10,
      gives: 1,
    },
    {
      it: 'a limit below what runs does not turn scaling up into scaling down',
      behavior: { scaleUp: { policies: [pods(1, 60)] } },
      from: 10,
      to: 12,
      history: changes([30, 5]),
      gives: 10,
    },
    {
      it: 'from zero the first worker is allowed though a percentage of nothing is nothing',
      behavior: { scaleUp: { policies: [percent(100, 60)] } },
      from: 0,
      to: 7,
      gives: 1,
    },
  ];
  for (const { it: sentence, behavior, from, to, history, gives } of cases) {
    it(sentence, () => {
      assert.equal(limitSpeed(history ?? EMPTY_HISTORY, from, to, effectiveBehavior(behavior), NOW), gives);
    });
  }
});

describe('Stabilization', () => {
  const windows = (up: number, down: number) =>
    effectiveBehavior({
      scaleUp: { stabilizationWindowSeconds: up },
      scaleDown: { stabilizationWindowSeconds: down },
    });

  it('goes down to the highest recommendation of the window', () => {
    assert.equal(stabilize(recommendations([299, 6], [120, 8], [0, 2]), 10, windows(0, 300), NOW), 8);
  });

  it('forgets what was recommended before the window', () => {
    assert.equal(stabilize(recommendations([300, 9], [299, 6], [0, 2]), 10, windows(0, 300), NOW), 6);
  });

  it('goes up to the lowest recommendation of the window', () => {
    assert.equal(stabilize(recommendations([50, 5], [20, 3], [0, 9]), 2, windows(60, 0), NOW), 3);
  });

  it('goes up at once without a window', () => {
    assert.equal(stabilize(recommendations([50, 2], [0, 9]), 2, windows(0, 300), NOW), 9);
  });

  it('stays between the lowest of the one and the highest of the other window', () => {
    assert.equal(stabilize(recommendations([30, 3], [20, 7], [0, 5]), 5, windows(60, 60), NOW), 5);
  });

  it('does not scale down right after a restart of the operator, because what runs is the first recommendation', () => {
    const behavior = windows(0, 300);
    const history = recordRecommendation(EMPTY_HISTORY, 10, 1, behavior, NOW);
    assert.equal(stabilize(history, 10, behavior, NOW), 10);
    const meanwhile = recordRecommendation(history, 10, 1, behavior, NOW + 150_000);
    const later = recordRecommendation(meanwhile, 10, 1, behavior, NOW + 300_000);
    assert.equal(stabilize(later, 10, behavior, NOW + 300_000), 1);
  });

  it('does not scale down right after an hour of Manual or without metrics: what was wanted before says nothing', () => {
    const behavior = windows(0, 300);
    const before = recordRecommendation(EMPTY_HISTORY, 2, 2, behavior, NOW);
    const handedOver = recordRecommendation(before, 10, 1, behavior, NOW + 3_600_000);
    assert.equal(stabilize(handedOver, 10, behavior, NOW + 3_600_000), 10);
  });

  it('keeps no more history than the windows need', () => {
    let history = EMPTY_HISTORY;
    for (let second = 0; second < 10_000; second += 1) {
      history = recordRecommendation(history, 1, 1, windows(0, 60), NOW + second * 1000);
      history = recordScaling(history, 1, 2, NOW + second * 1000);
    }
    assert.equal(history.recommendations.length, 60);
    assert.equal(history.changes.length, 3600);
  });
});
