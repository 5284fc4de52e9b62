/** When replicas stay as they are: nobody knows enough, or more workers would not help. Pure. */
import type { PauseReason } from '../api/worker-report.ts';
import type { Observation, WorkerSight } from './observation.ts';

export interface HoldReason {
  readonly reason: 'MetricsUnavailable' | 'WorkersCannotHelp';
  readonly message: string;
}

/** More workers would not help while half of them or more wait for Redis, the database or the broker. */
export function whyHold(observation: Observation): HoldReason | null {
  const outages = observation.workers.map(outagesOf).filter((reasons) => reasons.length > 0);
  if (outages.length > 0 && outages.length * 2 >= observation.workers.length) {
    const reasons = [...new Set(outages.flat())].sort().join(', ');
    return { reason: 'WorkersCannotHelp', message: `Workers are paused: ${reasons}` };
  }
  for (const metric of [observation.ready, observation.inFlight, observation.arrivalRate]) {
    if (metric.kind === 'Missing') return { reason: 'MetricsUnavailable', message: metric.because };
    if (!Number.isFinite(metric.value) || metric.value < 0) {
      return { reason: 'MetricsUnavailable', message: 'A metric is not a number from 0 up' };
    }
  }
  return null;
}

/** While dead letters cannot be published only the events that need it wait; the others go on. */
function outagesOf({ state, pausedBecause }: WorkerSight): readonly PauseReason[] {
  return state === 'Paused' ? pausedBecause.filter((reason) => reason !== 'DeadLetterUnavailable') : [];
}
