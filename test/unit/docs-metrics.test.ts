import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MaintenanceReport } from '../../api/maintenance.ts';
import { OUTCOMES, type WorkerReport } from '../../api/worker-report.ts';
import { MaintenanceMetrics } from '../../maintenance/metrics.ts';
import { Metrics } from '../../operator/metrics.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { PAGES, read, rows, section, words } from '../fixtures/docs-pages.ts';

/** docs/metrics.md names each metric of the three programs, with its labels and their values, and no other. */

const page = read('docs/metrics.md');

interface Metric {
  readonly type: string;
  /** Values by label, without those of a histogram, of Node.js and of the policy. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

function workers(): Promise<string> {
  const report: WorkerReport = {
    policyUid: 'uid',
    configHash: 'hash',
    startedAt: '2026-11-22T10:00:00Z',
    state: 'Consuming',
    pausedBecause: [],
    inFlight: 0,
    prefetchCount: 1,
    acknowledged: 0,
    outcomes: {
      updated: 0,
      invalidated: 0,
      absent: 0,
      unchanged: 0,
      unseen: 0,
      retried: 0,
      'dead-lettered': 0,
    },
    ttlRevision: null,
  };
  return new WorkerMetrics(() => report).text();
}

function maintenance(): Promise<string> {
  const report: MaintenanceReport = {
    policyUid: 'uid',
    configHash: 'hash',
    startedAt: '2026-11-22T10:00:00Z',
    state: 'Running',
    pausedBecause: [],
    catchUp: {
      state: 'Idle',
      trigger: null,
      startedAt: null,
      completedAt: null,
      orders: 0,
      updated: 0,
      dropped: 0,
    },
    relay: null,
  };
  return new MaintenanceMetrics(() => report).text();
}

function operator(): Promise<string> {
  const metrics = new Metrics({
    queueDepth: () => 0,
    watchAges: () => new Map([['Pod', 0]]),
    isLeader: () => true,
  });
  metrics.reconciled('success', 1);
  metrics.reconciled('error', 1);
  metrics.repaired('Deployment');
  metrics.leftOver('shop', 1);
  metrics.watchFailed('Pod');
  return metrics.registry.metrics();
}

const FROM_NODE = /_(process|nodejs)_/;
const UNTOLD = ['le', 'namespace', 'policy'];

function metricsIn(text: string): Map<string, Metric> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].filter(([, name = '']) => !FROM_NODE.test(name));
  return new Map(types.map(([, name = '', type = '']) => [name, { type, labels: labelsIn(text, name) }]));
}

function labelsIn(text: string, name: string): Metric['labels'] {
  const samples = [...text.matchAll(new RegExp(`^${name}(?:_bucket)?{(.*)}`, 'gm'))].map(
    ([, inner = '']) => inner,
  );
  const found = samples.flatMap((inner) => [...inner.matchAll(/(\w+)="([^"]*)"/g)]);
  const labels: Record<string, string[]> = {};
  for (const [, label = '', value = ''] of found) {
    if (UNTOLD.includes(label) && name !== 'ordercache_operator_leftovers_total') continue;
    labels[label] = [...new Set([...(labels[label] ?? []), value])];
  }
  return labels;
}

interface Documented {
  readonly name: string;
  readonly label: string | undefined;
  readonly told: string;
}

function documented(heading: string, prefix: string): Documented[] {
  return rows(section(page, `${heading}: \`${prefix}...\``)).flatMap(([names = '', told = '']) =>
    words(names).map((word) => {
      const [, name = '', label] = /^(\w+)(?:\{(\w+)\})?$/.exec(word) ?? [];
      return { name: prefix + name, label, told };
    }),
  );
}

const PROGRAMS = [
  { heading: 'Operator', prefix: 'ordercache_operator_', text: await operator() },
  { heading: 'Workers', prefix: 'ordercache_worker_', text: await workers() },
  { heading: 'Maintenance pods', prefix: 'ordercache_maintenance_', text: await maintenance() },
];
const registered = new Map(PROGRAMS.flatMap(({ text }) => [...metricsIn(text)]));

/** Values of a label that the page must list: those of a fixed set. */
const LISTED = ['outcome', 'state', 'reason'];

describe('docs/metrics.md', () => {
  for (const { heading, prefix, text } of PROGRAMS) {
    it(`names the metrics and labels of ${prefix}...`, () => {
      const known = [...metricsIn(text)].map(([name, { labels }]) =>
        [name, ...Object.keys(labels)].join(' '),
      );
      const told = documented(heading, prefix).map(({ name, label }) => [name, label ?? []].flat().join(' '));
      assert.deepEqual(told.sort(), known.sort());
    });
  }

  for (const { heading, prefix } of PROGRAMS)
    for (const { name, label = '', told } of documented(heading, prefix)) {
      if (!LISTED.includes(label) || told === 'as for workers') continue;
      it(`lists the values of ${name}{${label}}`, () => {
        const values = registered.get(name)?.labels[label] ?? [];
        assert.deepEqual(
          words(told)
            .filter((word) => word !== label)
            .sort(),
          [...values].sort(),
        );
      });
    }

  it('calls counters, and nothing else, _total, and histograms histograms', () => {
    const counters = [...registered].filter(([, { type }]) => type === 'counter').map(([name]) => name);
    assert.deepEqual(
      counters,
      [...registered.keys()].filter((name) => name.endsWith('_total')),
    );
    const told = PROGRAMS.flatMap(({ heading, prefix }) => documented(heading, prefix));
    assert.deepEqual(
      told.filter(({ told }) => told.includes('histogram')).map(({ name }) => name),
      [...registered].filter(([, { type }]) => type === 'histogram').map(([name]) => name),
    );
  });

  it('has an outcome for each that a worker reports', () => {
    assert.deepEqual(registered.get('ordercache_worker_events_total')?.labels.outcome, OUTCOMES);
  });
});

describe('metrics that a page names', () => {
  const expression = /\b(ordercache_(?:operator|worker|maintenance)_\w*[a-z])(?:\{(\w+)="(\w+)"\})?/g;
  for (const path of PAGES) {
    const named = [...read(path).matchAll(expression)].filter(([, name = '']) => !FROM_NODE.test(name));
    if (named.length === 0) continue;
    it(`${path}: are there, with that label and that value`, () => {
      const wrong = named.filter(([, name = '', label, value = '']) => {
        const metric = registered.get(name);
        return metric === undefined || (label !== undefined && !metric.labels[label]?.includes(value));
      });
      assert.deepEqual(
        wrong.map(([all]) => all),
        [],
      );
    });
  }
});
