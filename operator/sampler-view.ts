/** The observation of a policy out of its samples. Pure. */
import type { Measurement, Observation, WorkerSight } from './observation.ts';
import type { WorkerPod } from './ports.ts';
import {
  acknowledgedRate,
  arrivalRate,
  FRESH_MS,
  measured,
  missing,
  type Sample,
  saturatedWorkerRate,
} from './sampler-rates.ts';
import type { SeenReport } from './worker-report-parse.ts';

/** `pods` are those of now; samples in order of time. `now` in milliseconds, monotonic. */
export function observationOf(
  samples: readonly Sample[],
  pods: readonly WorkerPod[],
  now: number,
): Observation {
  const workers = workersSeen(samples, pods, now);
  return {
    ready: latest(samples, now, ({ ready }) => ready),
    deadLetters: latest(samples, now, ({ deadLetters }) => deadLetters),
    inFlight: inFlightOf(pods, workers),
    acknowledgedRate: acknowledgedRate(samples, now),
    arrivalRate: arrivalRate(samples, now),
    saturatedWorkerRate: saturatedWorkerRate(samples, now),
    pauses: [...new Set(workers.flatMap(({ report }) => report.pausedBecause))].sort(),
    workers: workers.map(sightOf),
    ...maintenanceSeen(samples, now),
  };
}

/** A single failed look does not blind: the newest known value counts while it is fresh. */
function latest(
  samples: readonly Sample[],
  now: number,
  metric: (sample: Sample) => Measurement,
): Measurement {
  const known = samples.findLast((sample) => metric(sample).kind === 'Measured');
  if (known !== undefined && now - known.at <= FRESH_MS) return metric(known);
  const newest = samples.at(-1);
  if (newest === undefined) return missing('not sampled yet');
  const value = metric(newest);
  return value.kind === 'Missing' ? value : missing('no sample for some seconds');
}

/** The newest one's word counts: while the pod is replaced there may be two. */
function maintenanceSeen(samples: readonly Sample[], now: number): Pick<Observation, 'maintenance'> {
  const sample = samples.findLast(({ maintenance }) => maintenance !== undefined && maintenance.size > 0);
  if (sample?.maintenance === undefined || now - sample.at > FRESH_MS) return {};
  const [newest] = [...sample.maintenance.values()].sort((a, b) => (a.startedAt > b.startedAt ? -1 : 1));
  return newest === undefined ? {} : { maintenance: newest };
}

interface SeenWorker {
  readonly pod: string;
  readonly report: SeenReport;
  readonly ageMs: number;
}

function workersSeen(samples: readonly Sample[], pods: readonly WorkerPod[], now: number): SeenWorker[] {
  return pods.flatMap(({ name }) => {
    const sample = samples.findLast(({ reports }) => reports.has(name));
    const report = sample?.reports.get(name);
    if (sample === undefined || report === undefined || now - sample.at > FRESH_MS) return [];
    return [{ pod: name, report, ageMs: now - sample.at }];
  });
}

/**
 * A pod that is not ready and says nothing is starting or dying, and holds nothing that counts: what it held returns
 * to the queue. If none of the pods says anything, or one that is ready does not, the number is not known.
 */
function inFlightOf(pods: readonly WorkerPod[], workers: readonly SeenWorker[]): Measurement {
  const reporting = new Set(workers.map(({ pod }) => pod));
  const silent = pods.find(({ name, ready }) => ready && !reporting.has(name));
  if (silent !== undefined) return missing('a worker that is ready does not report');
  if (pods.length > 0 && workers.length === 0) return missing('no worker reports');
  return measured(workers.reduce((sum, { report }) => sum + report.inFlight, 0));
}

function sightOf({ pod, report, ageMs }: SeenWorker): WorkerSight {
  const { configHash, state, pausedBecause, ttlRevision } = report;
  return { pod, configHash, state, pausedBecause, ttlRevision, ageSeconds: ageMs / 1000 };
}
