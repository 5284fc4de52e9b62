import { CATCH_UP_STATES, CATCH_UP_TRIGGERS, type CatchUpReport } from '../api/maintenance.ts';
import type { MaintenanceSight } from './observation.ts';
import { isCount, parseObject, reasonsIn } from './worker-report-parse.ts';

/** Null for what is no report of the maintenance pod of this policy. Pure. */
export function parseMaintenanceReport(text: string, policyUid: string): MaintenanceSight | null {
  const value = parseObject(text);
  if (value === null || value.policyUid !== policyUid || typeof value.startedAt !== 'string') return null;
  const catchUp = catchUpIn(value.catchUp);
  if (catchUp === null) return null;
  return { startedAt: value.startedAt, pausedBecause: reasonsIn(value.pausedBecause), catchUp };
}

function catchUpIn(value: unknown): CatchUpReport | null {
  if (typeof value !== 'object' || value === null) return null;
  const { orders, updated, dropped, ...rest } = value as Partial<Record<keyof CatchUpReport, unknown>>;
  const state = CATCH_UP_STATES.find((known) => known === rest.state);
  const trigger = CATCH_UP_TRIGGERS.find((known) => known === rest.trigger) ?? null;
  if (state === undefined || !isCount(orders) || !isCount(updated) || !isCount(dropped)) return null;
  const [startedAt, completedAt] = [timeIn(rest.startedAt), timeIn(rest.completedAt)];
  return { state, trigger, startedAt, completedAt, orders, updated, dropped };
}

/** Whole seconds, as Kubernetes writes times; what is no time would make the whole status invalid. */
function timeIn(value: unknown): string | null {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
