/** Pure part of leader election: what a candidate does about the lease it has read. */

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** The lease and when this process first saw it so, by its own clock: clocks of others are never compared. */
export interface SeenLease {
  readonly spec: LeaseSpec;
  /** Monotonic milliseconds. */
  readonly unchangedSince: number;
}

export type LeaseStep = 'Create' | 'Renew' | 'TakeOver' | 'Wait';

export function leaseStep(seen: SeenLease | undefined, identity: string, now: number): LeaseStep {
  if (seen === undefined) return 'Create';
  const { holderIdentity, leaseDurationSeconds } = seen.spec;
  if (holderIdentity === identity) return 'Renew';
  if (!holderIdentity) return 'TakeOver';
  return now - seen.unchangedSince > (leaseDurationSeconds ?? 0) * 1000 ? 'TakeOver' : 'Wait';
}

export interface Timing {
  /** How long others wait for a silent holder, in seconds. */
  readonly leaseSeconds: number;
  /** How long after its last renewal the holder may begin a write, in milliseconds. */
  readonly holdMs: number;
  readonly retryMs: number;
}

/** A write that begins at the last moment of `holdMs` and takes 5 s ends before another may take over. */
export const TIMING: Timing = { leaseSeconds: 15, holdMs: 9_000, retryMs: 2_000 };

export function leaseSpec(
  step: Exclude<LeaseStep, 'Wait'>,
  previous: LeaseSpec | undefined,
  identity: string,
  seconds: number,
  nowIso: string,
): LeaseSpec {
  const renewal = { holderIdentity: identity, leaseDurationSeconds: seconds, renewTime: nowIso };
  if (step === 'Renew' && previous !== undefined) return { ...previous, ...renewal };
  return { ...renewal, acquireTime: nowIso, leaseTransitions: (previous?.leaseTransitions ?? -1) + 1 };
}
