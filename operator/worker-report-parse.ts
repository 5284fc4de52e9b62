import { PAUSE_REASONS, type PauseReason, WORKER_STATES, type WorkerReport } from '../api/worker-report.ts';

/** What of a worker's report the operator uses. */
export type SeenReport = Omit<WorkerReport, 'policyUid' | 'outcomes'>;

/**
 * Null for what is no report of a worker of this policy: an address may have passed to another pod, and a number that
 * cannot be is worth less than none. Pure.
 */
export function parseWorkerReport(text: string, policyUid: string): SeenReport | null {
  const value = parseObject(text);
  if (value === null || value.policyUid !== policyUid) return null;
  const { configHash, startedAt, inFlight, prefetchCount, acknowledged, ttlRevision } = value;
  const state = WORKER_STATES.find((known) => known === value.state);
  if (typeof configHash !== 'string' || typeof startedAt !== 'string' || state === undefined) return null;
  if (!isCount(inFlight) || !isCount(prefetchCount) || !isCount(acknowledged)) return null;
  if (ttlRevision !== null && !isCount(ttlRevision)) return null;
  const pausedBecause = reasonsIn(value.pausedBecause);
  return { configHash, startedAt, state, pausedBecause, inFlight, prefetchCount, acknowledged, ttlRevision };
}

export function reasonsIn(value: unknown): PauseReason[] {
  return Array.isArray(value) ? PAUSE_REASONS.filter((reason) => value.includes(reason)) : [];
}

export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
