import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OUTCOMES } from '../../api/worker-report.ts';
import { PAGES, read, rows, section, words } from '../fixtures/docs-pages.ts';
import {
  FROM_NODE,
  maintenanceMetrics,
  metricsIn,
  operatorMetrics,
  workerMetrics,
} from './metrics-scraped.ts';

/** docs/metrics.md names each metric of the three programs, with its labels and their values, and no other. */

const page = read('docs/metrics.md');

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
  { heading: 'Operator', prefix: 'ordercache_operator_', text: await operatorMetrics() },
  { heading: 'Workers', prefix: 'ordercache_worker_', text: await workerMetrics() },
  { heading: 'Maintenance pods', prefix: 'ordercache_maintenance_', text: await maintenanceMetrics() },
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
