import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { CATCH_UP_STATES, type MaintenanceReport, type RelayReport } from '../api/maintenance.ts';
import { PAUSE_REASONS } from '../api/worker-report.ts';
import type { Compared } from './catch-up-state.ts';

/** Name, help, and where the number comes from. */
type RelayMetric = readonly [string, string, (seen: RelayReport) => number];

/** Prometheus metrics of the maintenance pod. */
export class MaintenanceMetrics {
  readonly #registry = new Registry();
  readonly #orders = new Counter({
    name: 'ordercache_maintenance_catch_up_orders_total',
    help: 'Orders compared with the database, by what became of the record.',
    labelNames: ['outcome'],
    registers: [this.#registry],
  });

  constructor(report: () => MaintenanceReport) {
    collectDefaultMetrics({ register: this.#registry, prefix: 'ordercache_maintenance_' });
    for (const outcome of ['updated', 'dropped', 'unchanged']) this.#orders.inc({ outcome }, 0);
    const registers = [this.#registry];
    new Gauge({
      name: 'ordercache_maintenance_catch_up_state',
      help: '1 for the state of the last catch-up.',
      labelNames: ['state'],
      registers,
      collect() {
        const { state } = report().catchUp;
        for (const known of CATCH_UP_STATES) this.set({ state: known }, known === state ? 1 : 0);
      },
    });
    new Gauge({
      name: 'ordercache_maintenance_paused',
      help: '1 while the pod waits for this reason.',
      labelNames: ['reason'],
      registers,
      collect() {
        const { pausedBecause } = report();
        for (const reason of PAUSE_REASONS) this.set({ reason }, pausedBecause.includes(reason) ? 1 : 0);
      },
    });
    this.#relayGauges(() => report().relay);
    this.#relayCounters(() => report().relay);
  }

  #relayGauges(relay: () => RelayReport | null): void {
    const gauges = [
      [
        'broker_up',
        '1 while the relay is connected to the broker.',
        ({ broker }) => (broker === 'Up' ? 1 : 0),
      ],
      [
        'database_up',
        '1 while the relay is connected to the database.',
        ({ database }) => (database === 'Up' ? 1 : 0),
      ],
      ['pending_events', 'Events in the outbox.', ({ pending }) => pending],
      ['failing_events', 'Events in the outbox that the broker has not taken.', ({ failing }) => failing],
      [
        'oldest_event_age_seconds',
        'Age of the oldest event in the outbox.',
        ({ oldestAgeSeconds }) => oldestAgeSeconds,
      ],
    ] as const satisfies readonly RelayMetric[];
    for (const [name, help, read] of gauges) {
      new Gauge({
        name: `ordercache_maintenance_relay_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          const seen = relay();
          if (seen !== null) this.set(read(seen));
        },
      });
    }
  }

  /** From 0 again with the relay that new credentials begin. */
  #relayCounters(relay: () => RelayReport | null): void {
    const counters = [
      ['published_events_total', 'Events published and deleted.', ({ published }) => published],
      ['failed_attempts_total', 'Attempts that the broker did not take.', ({ failures }) => failures],
    ] as const satisfies readonly RelayMetric[];
    for (const [name, help, read] of counters) {
      new Counter({
        name: `ordercache_maintenance_relay_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          const seen = relay();
          this.reset();
          if (seen !== null) this.inc(read(seen));
        },
      });
    }
  }

  compared({ orders, updated, dropped }: Compared): void {
    this.#orders.inc({ outcome: 'updated' }, updated);
    this.#orders.inc({ outcome: 'dropped' }, dropped);
    this.#orders.inc({ outcome: 'unchanged' }, Math.max(0, orders - updated - dropped));
  }

  /** In the Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
