import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { OUTCOMES, PAUSE_REASONS, type WorkerReport } from '../api/worker-report.ts';
import type { Finished } from './completions.ts';

const DELAY_BUCKETS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800];
const BATCH_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const DURATION_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

/** Prometheus metrics, updated once per batch. */
export class WorkerMetrics {
  readonly #registry = new Registry();
  readonly #events = new Counter({
    name: 'ordercache_worker_events_total',
    help: 'Acknowledged events by outcome.',
    labelNames: ['outcome'],
    registers: [this.#registry],
  });
  readonly #redelivered = new Counter({
    name: 'ordercache_worker_redelivered_total',
    help: 'Messages that the broker had delivered before.',
    registers: [this.#registry],
  });
  readonly #delay = new Histogram({
    name: 'ordercache_worker_event_to_cache_seconds',
    help: "From an event's timestamp until its effect is in the cache; the clocks of the initiators count.",
    buckets: DELAY_BUCKETS,
    registers: [this.#registry],
  });
  readonly #batchEvents = new Histogram({
    name: 'ordercache_worker_batch_events',
    help: 'Events that were taken together.',
    buckets: BATCH_BUCKETS,
    registers: [this.#registry],
  });
  readonly #batchSeconds = new Histogram({
    name: 'ordercache_worker_batch_seconds',
    help: 'Time that a batch took, outages included.',
    buckets: DURATION_BUCKETS,
    registers: [this.#registry],
  });

  constructor(report: () => WorkerReport) {
    collectDefaultMetrics({ register: this.#registry, prefix: 'ordercache_worker_' });
    for (const outcome of OUTCOMES) this.#events.inc({ outcome }, 0);
    const registers = [this.#registry];
    new Gauge({
      name: 'ordercache_worker_in_flight',
      help: 'Messages delivered and not yet acknowledged.',
      registers,
      collect() {
        this.set(report().inFlight);
      },
    });
    new Gauge({
      name: 'ordercache_worker_paused',
      help: '1 while the worker is paused for this reason.',
      labelNames: ['reason'],
      registers,
      collect() {
        const { pausedBecause } = report();
        for (const reason of PAUSE_REASONS) this.set({ reason }, pausedBecause.includes(reason) ? 1 : 0);
      },
    });
    new Gauge({
      name: 'ordercache_worker_ttl_revision',
      help: 'Revision of the TTL table in use; 0: none, and no record is written.',
      registers,
      collect() {
        this.set(report().ttlRevision ?? 0);
      },
    });
  }

  finished({ counts, timestamps }: Finished, now: number): void {
    for (const outcome of OUTCOMES) if (counts[outcome] > 0) this.#events.inc({ outcome }, counts[outcome]);
    for (const timestamp of timestamps) this.#delay.observe(Math.max(0, now - timestamp) / 1_000);
  }

  batch(events: number, redelivered: number, seconds: number): void {
    this.#batchEvents.observe(events);
    this.#batchSeconds.observe(seconds);
    if (redelivered > 0) this.#redelivered.inc(redelivered);
  }

  /** In the Prometheus text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
