import type { PauseReason, WorkerReport } from '../api/worker-report.ts';

/** What a worker is about. */
export interface Situation {
  readonly draining: boolean;
  /** Whether the current queue has ever been consumed. */
  readonly established: boolean;
  /** What is away, and stops the work. */
  readonly outage: PauseReason | undefined;
  /** What RabbitMQ does not take or deliver. */
  readonly broker: readonly PauseReason[];
}

/** What a worker says it does, and why it does not consume if it should. Pure. */
export function stateOf(situation: Situation): Pick<WorkerReport, 'state' | 'pausedBecause'> {
  const { draining, established, outage, broker } = situation;
  if (draining) return { state: 'Draining', pausedBecause: [] };
  if (!established) return { state: 'Starting', pausedBecause: [] };
  const pausedBecause = outage === undefined ? broker : [outage, ...broker];
  return { state: pausedBecause.length > 0 ? 'Paused' : 'Consuming', pausedBecause };
}
