import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { OrderCachePolicyStatus } from '../api/policy.ts';

const PREFIX = 'ordercache_operator_';
const POLICY = ['namespace', 'policy'] as const;

/** What is read at the time of a scrape. */
export interface Gauged {
  readonly queueDepth: () => number;
  /** Milliseconds since the API server last answered, by kind. */
  readonly watchAges: () => ReadonlyMap<string, number>;
  readonly isLeader: () => boolean;
}

/** The operator's Prometheus metrics. */
export class Metrics {
  readonly registry = new Registry();
  readonly #reconciles: Histogram<'outcome'>;
  readonly #repairs: Counter<'kind'>;
  readonly #leftovers: Counter<'namespace'>;
  readonly #watchFailures: Counter<'kind'>;
  readonly #policyGauges: ReadonlyMap<string, Gauge<'namespace' | 'policy'>>;

  constructor(gauged: Gauged) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry, prefix: PREFIX });
    this.#reconciles = new Histogram({
      name: `${PREFIX}reconcile_duration_seconds`,
      help: 'Passes over a policy, by outcome.',
      labelNames: ['outcome'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      registers,
    });
    this.#repairs = new Counter({
      name: `${PREFIX}repairs_total`,
      help: 'Owned objects that somebody else had deleted or edited.',
      labelNames: ['kind'],
      registers,
    });
    this.#leftovers = new Counter({
      name: `${PREFIX}leftovers_total`,
      help: 'Things of deleted policies that stayed at the broker or in Redis.',
      labelNames: ['namespace'],
      registers,
    });
    this.#watchFailures = new Counter({
      name: `${PREFIX}watch_failures_total`,
      help: 'Lists and watches that failed.',
      labelNames: ['kind'],
      registers,
    });
    this.#policyGauges = policyGauges(registers);
    scrapedGauges(gauged, registers);
  }

  reconciled(outcome: 'success' | 'error', seconds: number): void {
    this.#reconciles.observe({ outcome }, seconds);
  }

  repaired(kind: string): void {
    this.#repairs.inc({ kind });
  }

  leftOver(namespace: string, count: number): void {
    this.#leftovers.inc({ namespace }, count);
  }

  watchFailed(kind: string): void {
    this.#watchFailures.inc({ kind });
  }

  /** A number that is not known is not shown. */
  policy(namespace: string, policy: string, status: OrderCachePolicyStatus): void {
    const labels = { namespace, policy };
    const ready = status.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
    const values = { ...status, ready: ready ? 1 : 0 };
    for (const [field, gauge] of this.#policyGauges) {
      const value = (values as Record<string, unknown>)[field];
      if (typeof value === 'number') gauge.set(labels, value);
      else gauge.remove(labels);
    }
  }

  forgetPolicy(namespace: string, policy: string): void {
    for (const gauge of this.#policyGauges.values()) gauge.remove({ namespace, policy });
  }
}

function policyGauges(registers: Registry[]) {
  const fields = [
    ['ready', 'policy_ready', '1 when the policy is Ready.'],
    ['replicas', 'policy_replicas', 'Worker pods that exist.'],
    ['readyReplicas', 'policy_ready_replicas', 'Worker pods that are ready.'],
    ['desiredReplicas', 'policy_desired_replicas', 'Worker pods that the scaling formula asks for.'],
    ['backlog', 'policy_backlog_messages', 'Messages ready and in flight.'],
    ['deadLetters', 'policy_dead_letter_messages', 'Messages in the dead-letter queue.'],
    ['eventsPerSecond', 'policy_events_per_second', 'Acknowledged events per second.'],
  ] as const;
  return new Map(
    fields.map(([field, name, help]) => [
      field,
      new Gauge({ name: `${PREFIX}${name}`, help, labelNames: POLICY, registers }),
    ]),
  );
}

function scrapedGauges({ queueDepth, watchAges, isLeader }: Gauged, registers: Registry[]): void {
  new Gauge({
    name: `${PREFIX}queue_depth`,
    help: 'Policies that wait for a pass.',
    registers,
    collect() {
      this.set(queueDepth());
    },
  });
  new Gauge({
    name: `${PREFIX}watch_age_seconds`,
    help: 'Time since the API server last answered, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, age] of watchAges()) this.set({ kind }, age / 1000);
    },
  });
  new Gauge({
    name: `${PREFIX}leader`,
    help: '1 in the process that holds the leader lease.',
    registers,
    collect() {
      this.set(isLeader() ? 1 : 0);
    },
  });
}
