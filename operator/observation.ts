import type { MaintenanceReport } from '../api/maintenance.ts';
import type { PauseReason, WorkerReport } from '../api/worker-report.ts';

/** A number that is known, or the reason why it is not. It is never 0 by accident. */
export type Measurement<T = number> =
  | { readonly kind: 'Measured'; readonly value: T }
  | { readonly kind: 'Missing'; readonly because: string };

export interface Observation {
  /** Messages ready in the queue and the older revisions. */
  readonly ready: Measurement;
  readonly deadLetters: Measurement;
  /** Delivered and not acknowledged, over all workers. */
  readonly inFlight: Measurement;
  /** Events per second over all workers, over some seconds. */
  readonly acknowledgedRate: Measurement;
  /** Acknowledged plus the growth of the backlog, events per second, over some seconds. */
  readonly arrivalRate: Measurement;
  /** Events per second of one worker, seen while the workers had all the work they could take. */
  readonly saturatedWorkerRate: Measurement;
  /** Of the workers that reported last, each reason once. */
  readonly pauses: readonly PauseReason[];
  readonly workers: readonly WorkerSight[];
  /** What the maintenance pod reported last; absent when it does not report. */
  readonly maintenance?: MaintenanceSight;
}

export type MaintenanceSight = Pick<MaintenanceReport, 'startedAt' | 'pausedBecause' | 'catchUp'>;

/** What a worker reported last. */
export interface WorkerSight
  extends Pick<WorkerReport, 'configHash' | 'state' | 'pausedBecause' | 'ttlRevision'> {
  readonly pod: string;
  readonly ageSeconds: number;
}
