/** Rates out of a window of samples. Pure; every number says so when it cannot be known. */
import type { MaintenanceSight, Measurement } from './observation.ts';
import type { WorkerPod } from './ports.ts';
import type { SeenReport } from './worker-report-parse.ts';

/** What was seen at one moment. */
export interface Sample {
  /** Milliseconds, monotonic. */
  readonly at: number;
  readonly ready: Measurement;
  readonly deadLetters: Measurement;
  readonly pods: readonly WorkerPod[];
  /** By name of the pod; those that answered. */
  readonly reports: ReadonlyMap<string, SeenReport>;
  /** Of the maintenance pod, likewise. */
  readonly maintenance?: ReadonlyMap<string, MaintenanceSight>;
}

/** Beyond this age a sample says nothing about now, in milliseconds. */
export const FRESH_MS = 5_000;
/** Over which rates are smoothed, and the least that gives one. */
const RATE_MS = 5_000;
const SHORTEST_RATE_MS = 2_000;
/** A missing report is filled in from the one before for so long. */
const CARRY_MS = 2_500;
const SATURATION_MS = 10_000;
const SHORTEST_SATURATION_MS = 5_000;

interface Report {
  readonly at: number;
  readonly report: SeenReport;
}

/** Events per second that all workers together acknowledged. */
export function acknowledgedRate(samples: readonly Sample[], now: number): Measurement {
  const window = rateWindow(samples, now);
  if (window.length === 0) return missing('not sampled long enough');
  return measured(acknowledgedIn(window) / secondsOf(window));
}

/** Acknowledged events and the growth of the backlog, per second. */
export function arrivalRate(samples: readonly Sample[], now: number): Measurement {
  const window = rateWindow(samples, now);
  const [first, last] = [window[0], window.at(-1)];
  if (first === undefined || last === undefined) return missing('not sampled long enough');
  const before = backlogAt(samples, first);
  const after = backlogAt(samples, last);
  if (before.kind === 'Missing') return before;
  if (after.kind === 'Missing') return after;
  const arrived = acknowledgedIn(window) + after.value - before.value;
  return measured(Math.max(0, arrived / secondsOf(window)));
}

/**
 * What one worker does while it has all the work it can take: the queue never empty, in flight half of the prefetch
 * or more on average, neither paused nor draining.
 */
export function saturatedWorkerRate(samples: readonly Sample[], now: number): Measurement {
  const recent = samples.filter(({ at }) => at >= now - SATURATION_MS);
  const lastIdle = recent.findLastIndex(({ ready }) => ready.kind === 'Missing' || ready.value === 0);
  const window = recent.slice(lastIdle + 1);
  const rates = [...reportsByPod(window).values()].flatMap(rateIfSaturated);
  if (rates.length === 0) return missing('no worker was saturated');
  return measured(rates.reduce((sum, rate) => sum + rate, 0) / rates.length);
}

function rateIfSaturated(reports: readonly Report[]): number[] {
  const [first, last] = [reports[0], reports.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < SHORTEST_SATURATION_MS) return [];
  const { startedAt, prefetchCount } = last.report;
  const steady = reports.every(
    ({ report }) => report.state === 'Consuming' && report.startedAt === startedAt,
  );
  const inFlight = reports.reduce((sum, { report }) => sum + report.inFlight, 0) / reports.length;
  const events = last.report.acknowledged - first.report.acknowledged;
  if (!steady || inFlight < prefetchCount / 2 || events <= 0) return [];
  return [(events * 1000) / (last.at - first.at)];
}

/** Samples whose queue was seen, within the last seconds; empty when they span too little. */
function rateWindow(samples: readonly Sample[], now: number): readonly Sample[] {
  const latest = samples.findLast(({ ready }) => ready.kind === 'Measured');
  if (latest === undefined || now - latest.at > FRESH_MS) return [];
  const window = samples.filter(
    ({ at, ready }) => at >= latest.at - RATE_MS - 500 && ready.kind === 'Measured',
  );
  const [first] = window;
  return first !== undefined && latest.at - first.at >= SHORTEST_RATE_MS ? window : [];
}

function secondsOf(window: readonly Sample[]): number {
  return ((window.at(-1)?.at ?? 0) - (window[0]?.at ?? 0)) / 1000;
}

/** Counters begin at 0 with each process; what a worker did before it was first seen is not counted. */
function acknowledgedIn(window: readonly Sample[]): number {
  let events = 0;
  for (const reports of reportsByPod(window).values()) {
    for (const [index, { report }] of reports.entries()) {
      const before = reports[index - 1]?.report;
      if (before === undefined) continue;
      const isSame = before.startedAt === report.startedAt;
      events += isSame ? Math.max(0, report.acknowledged - before.acknowledged) : report.acknowledged;
    }
  }
  return events;
}

/** Ready and in flight at one moment. */
function backlogAt(samples: readonly Sample[], sample: Sample): Measurement {
  if (sample.ready.kind === 'Missing') return sample.ready;
  const carried = samples.filter(({ at }) => at <= sample.at && at >= sample.at - CARRY_MS);
  const last = new Map(carried.flatMap(({ reports }) => [...reports]));
  const names = new Set(sample.pods.map(({ name }) => name));
  const inFlight = [...last].filter(([name]) => names.has(name)).map(([, report]) => report.inFlight);
  return measured(inFlight.reduce((sum, each) => sum + each, sample.ready.value));
}

function reportsByPod(samples: readonly Sample[]): ReadonlyMap<string, Report[]> {
  const byPod = new Map<string, Report[]>();
  for (const { at, reports } of samples) {
    for (const [name, report] of reports) {
      const list = byPod.get(name) ?? [];
      byPod.set(name, list);
      list.push({ at, report });
    }
  }
  return byPod;
}

export function measured(value: number): Measurement {
  return { kind: 'Measured', value };
}

export function missing(because: string): Measurement {
  return { kind: 'Missing', because };
}
