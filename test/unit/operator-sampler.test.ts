import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Measurement } from '../../operator/observation.ts';
import { measured, missing, type Sample } from '../../operator/sampler-rates.ts';
import { observationOf } from '../../operator/sampler-view.ts';
import { parseWorkerReport, type SeenReport } from '../../operator/worker-report-parse.ts';

const POD = { name: 'w-1', ip: '10.0.0.1', ready: true };
const START = 1_000_000;

function report(over: Partial<SeenReport> = {}): SeenReport {
  return {
    configHash: 'hash',
    startedAt: '2026-11-22T12:00:00Z',
    state: 'Consuming',
    pausedBecause: [],
    inFlight: 0,
    prefetchCount: 100,
    acknowledged: 0,
    ttlRevision: 1,
    ...over,
  };
}

/** One sample each second; `at(second)` says what is seen then. */
function samples(
  count: number,
  at: (second: number) => { ready: Measurement; reports?: Record<string, SeenReport> },
): Sample[] {
  return Array.from({ length: count }, (_, second) => {
    const { ready, reports = {} } = at(second);
    const pods = Object.keys(reports).map((name) => ({ ...POD, name }));
    return {
      at: START + second * 1000,
      ready,
      deadLetters: measured(3),
      pods,
      reports: new Map(Object.entries(reports)),
    };
  });
}

const nowAfter = (list: readonly Sample[]) => (list.at(-1)?.at ?? START) + 100;
const view = (list: readonly Sample[], pods = list.at(-1)?.pods ?? []) =>
  observationOf(list, pods, nowAfter(list));
const value = (measurement: Measurement) =>
  measurement.kind === 'Measured' ? measurement.value : measurement.because;

describe('Rates', () => {
  it('are what was acknowledged, and that plus the growth of the backlog', () => {
    const seen = view(
      samples(8, (second) => ({
        ready: measured(1000 + 100 * second),
        reports: {
          a: report({ acknowledged: 300 * second, inFlight: 50 }),
          b: report({ acknowledged: 200 * second }),
        },
      })),
    );
    assert.equal(value(seen.acknowledgedRate), 500);
    assert.equal(value(seen.arrivalRate), 600);
    assert.equal(value(seen.inFlight), 50);
    assert.equal(value(seen.ready), 1700);
    assert.equal(value(seen.deadLetters), 3);
  });

  it('do not drop when messages move from ready to in flight', () => {
    const seen = view(
      samples(8, (second) => ({
        ready: measured(1000 - 100 * second),
        reports: { a: report({ inFlight: 100 * second }) },
      })),
    );
    assert.equal(value(seen.arrivalRate), 0);
  });

  it('are known without workers, from the queue alone', () => {
    const seen = view(samples(6, (second) => ({ ready: measured(40 * second) })));
    assert.deepEqual([value(seen.arrivalRate), value(seen.inFlight)], [40, 0]);
  });

  it('count a restarted worker from zero', () => {
    const seen = view(
      samples(6, (second) => ({
        ready: measured(0),
        reports: {
          a:
            second < 3
              ? report({ acknowledged: 10_000 + 100 * second })
              : report({ acknowledged: 100 * (second - 2), startedAt: 'later' }),
        },
      })),
    );
    assert.equal(value(seen.acknowledgedRate), 100);
  });

  it('bridge a report that is missing once', () => {
    const seen = view(
      samples(6, (second) => ({
        ready: measured(0),
        reports: second === 3 ? {} : { a: report({ acknowledged: 100 * second, inFlight: 80 }) },
      })),
    );
    assert.deepEqual([value(seen.acknowledgedRate), value(seen.arrivalRate)], [100, 100]);
  });

  it('are not known before two seconds have passed', () => {
    const seen = view(samples(2, () => ({ ready: measured(10) })));
    assert.equal(seen.arrivalRate.kind, 'Missing');
    assert.equal(value(seen.ready), 10);
  });
});

describe('What cannot be known', () => {
  it('is missing, with the reason of the last look', () => {
    const seen = view(
      samples(9, (second) => ({ ready: second < 2 ? measured(9) : missing('RabbitMQ: ECONNREFUSED') })),
    );
    assert.equal(value(seen.ready), 'RabbitMQ: ECONNREFUSED');
    assert.equal(seen.arrivalRate.kind, 'Missing');
  });

  it('is bridged by the newest known number for five seconds', () => {
    const seen = view(samples(5, (second) => ({ ready: second < 4 ? measured(9) : missing('once') })));
    assert.equal(value(seen.ready), 9);
  });

  it('is missing when nothing was sampled lately', () => {
    const list = samples(5, () => ({ ready: measured(9) }));
    const seen = observationOf(list, [], nowAfter(list) + 6_000);
    assert.deepEqual([value(seen.ready), seen.arrivalRate.kind], ['no sample for some seconds', 'Missing']);
  });

  it('is missing before the first sample', () => {
    assert.equal(value(observationOf([], [], START).ready), 'not sampled yet');
  });

  it('is what is in flight, when a worker that is ready does not report', () => {
    const list = samples(3, () => ({ ready: measured(9), reports: { a: report() } }));
    const pods = [
      { ...POD, name: 'a' },
      { ...POD, name: 'b' },
    ];
    assert.equal(value(view(list, pods).inFlight), 'a worker that is ready does not report');
  });

  it('is what is in flight, when no worker reports at all', () => {
    const list = samples(3, () => ({ ready: measured(9) }));
    assert.equal(value(view(list, [{ ...POD, ready: false }]).inFlight), 'no worker reports');
  });

  it('is not what a pod holds that is still starting beside another', () => {
    const list = samples(3, () => ({ ready: measured(9), reports: { a: report({ inFlight: 7 }) } }));
    const starting = { ...POD, name: 'b', ready: false };
    assert.equal(value(view(list, [{ ...POD, name: 'a' }, starting]).inFlight), 7);
  });
});

describe('The rate of one worker', () => {
  const busy = (second: number, over: Partial<SeenReport> = {}) =>
    report({ acknowledged: 300 * second, inFlight: 60, ...over });
  const rateOf = (list: Sample[]) => view(list).saturatedWorkerRate;

  it('is the mean of those that are saturated', () => {
    const seen = rateOf(
      samples(8, (second) => ({
        ready: measured(50),
        reports: { a: busy(second), b: busy(second, { acknowledged: 100 * second }), idle: report() },
      })),
    );
    assert.equal(value(seen), 200);
  });

  const notSaturated: [why: string, at: (second: number) => { ready: Measurement; report: SeenReport }][] = [
    ['the queue was empty once', (s) => ({ ready: measured(s === 5 ? 0 : 50), report: busy(s) })],
    [
      'less than half of the prefetch is in flight',
      (s) => ({ ready: measured(50), report: busy(s, { inFlight: 49 }) }),
    ],
    [
      'the worker was paused',
      (s) => ({ ready: measured(50), report: busy(s, s === 4 ? { state: 'Paused' } : {}) }),
    ],
    ['the worker drains', (s) => ({ ready: measured(50), report: busy(s, { state: 'Draining' }) })],
    ['the worker does nothing', (s) => ({ ready: measured(50), report: busy(s, { acknowledged: 5 }) })],
    [
      'the worker was restarted',
      (s) => ({ ready: measured(50), report: busy(s, { startedAt: s < 4 ? 'x' : 'y' }) }),
    ],
  ];
  for (const [why, at] of notSaturated) {
    it(`is not learned when ${why}`, () => {
      const list = samples(8, (second) => ({ ready: at(second).ready, reports: { a: at(second).report } }));
      assert.equal(rateOf(list).kind, 'Missing');
    });
  }
});

describe('A report', () => {
  const good = { ...report(), policyUid: 'u', outcomes: {} };
  const parse = (over: object) => parseWorkerReport(JSON.stringify({ ...good, ...over }), 'u');

  it('of a worker of the policy is read', () => assert.deepEqual(parse({}), report()));

  const bad: [what: string, over: object][] = [
    ['of another policy, whose pod has the address now', { policyUid: 'other' }],
    ['with a negative number', { inFlight: -1 }],
    ['with a fraction', { acknowledged: 0.5 }],
    ['with a text for a number', { acknowledged: '7' }],
    ['with an unknown state', { state: 'Confused' }],
    ['without a prefetch', { prefetchCount: null }],
    ['with an absurd TTL revision', { ttlRevision: 1e300 }],
  ];
  for (const [what, over] of bad) it(`${what} is none`, () => assert.equal(parse(over), null));

  it('that is no JSON is none', () => assert.equal(parseWorkerReport('<html>', 'u'), null));

  it('keeps only the reasons that are known', () => {
    const seen = parse({ state: 'Paused', pausedBecause: ['RedisUnavailable', 'x'.repeat(9999), 7] });
    assert.deepEqual(seen?.pausedBecause, ['RedisUnavailable']);
  });
});
