import type { MaintenanceReport } from '../../api/maintenance.ts';
import { MaintenanceMetrics } from '../../maintenance/metrics.ts';
import { Metrics } from '../../operator/metrics.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { WORKER_REPORT } from '../fixtures/worker-report.ts';

/** The metrics of the three programs, as a scrape shows them. */

export interface Metric {
  readonly type: string;
  /** Values by label, without those of a histogram, of Node.js and of the policy. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

export function workerMetrics(): Promise<string> {
  return new WorkerMetrics(() => WORKER_REPORT).text();
}

export function maintenanceMetrics(): Promise<string> {
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

export function operatorMetrics(): Promise<string> {
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

/** Of Node.js and of its process. */
export const FROM_NODE = /_(process|nodejs)_/;
const UNTOLD = ['le', 'namespace', 'policy'];

export function metricsIn(text: string): Map<string, Metric> {
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
