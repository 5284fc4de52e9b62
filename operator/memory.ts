import type { RedisCredentials } from '../cache/ttl-table-redis.ts';
import type { ManagementCredentials } from './connection-credentials.ts';
import type { CleanUp } from './deletion.ts';
import type { TopologyResult, TtlResult } from './ports.ts';
import { EMPTY_HISTORY } from './scaling-behavior.ts';
import type { ScaleDecision, ScalingHistory } from './scaling-decision.ts';
import type { Stated, StatedType } from './statements.ts';

/** The last answer of the broker or of Redis, and when to ask again. */
export interface Answer<T> {
  readonly result: T;
  /** What was asked: another question is asked at once. */
  readonly question: string;
  /** Monotonic milliseconds. */
  readonly askAgainAt: number;
  /** Answers in a row that were problems. */
  readonly failures: number;
}

/** Credentials for one store, kept after their Secret is gone: the policy is released with them. */
export interface KeptCredentials<C> {
  /** With which the store was last written to. */
  worked: C | undefined;
  /** As last read from the Secret. */
  read: C | undefined;
}

/** The clean-up after a policy in Redis or at the broker, as far as it has come. Times are monotonic milliseconds. */
export interface StoreDeletion {
  /** What came of the last attempt. */
  last: CleanUp | undefined;
  urgentFailures: number;
  unavailableSince: number | undefined;
}

/**
 * What an operator remembers of a policy between passes. Losing it costs a pass, and the credentials of Secrets that
 * are gone.
 */
export interface Memory {
  topology: Answer<TopologyResult> | undefined;
  ttl: Answer<TtlResult> | undefined;
  /** Something outside is not as it was left: ask before the time. */
  drifted: boolean;
  decision: ScaleDecision | undefined;
  history: ScalingHistory;
  /** Identities for the comparison with other policies, of the Secrets last read. */
  broker: string | undefined;
  redis: string | undefined;
  identified: boolean;
  /** Monotonic milliseconds. */
  numbersWrittenAt: number;
  /** Generation for which an ignored number of replicas has been told. */
  ignoredReplicasOf: number | undefined;
  /** Generation of the worker Deployment in which its pods last changed. */
  templateGeneration: number | undefined;
  /** status.queueLostAt, as this process has written it. */
  queueLostAt: string | undefined;
  readonly redisCredentials: KeptCredentials<RedisCredentials>;
  readonly managementCredentials: KeptCredentials<ManagementCredentials>;
  readonly redisDeletion: StoreDeletion;
  readonly brokerDeletion: StoreDeletion;
  /** Since when attempts to clean up are bounded, in monotonic milliseconds. */
  urgentSince: number | undefined;
  /** The finalizer has been removed; the watch has not brought that yet. */
  released: boolean;
  /** Owned objects that this process has seen in place, by `<kind> <name>`. */
  readonly inPlace: Set<string>;
  /** The object that was not accepted last, as `<kind> <name>`, and since when (monotonic milliseconds) and how often in a row. */
  failing: { readonly target: string; readonly since: number; readonly failures: number } | undefined;
  /** By type of condition; undefined until the policy's status has been read. */
  statements: Map<StatedType, Stated> | undefined;
}

export class Memories {
  readonly #byUid = new Map<string, Memory>();

  of(policyUid: string): Memory {
    const known = this.#byUid.get(policyUid);
    if (known) return known;
    const fresh: Memory = {
      topology: undefined,
      ttl: undefined,
      drifted: false,
      decision: undefined,
      history: EMPTY_HISTORY,
      broker: undefined,
      redis: undefined,
      identified: false,
      numbersWrittenAt: Number.NEGATIVE_INFINITY,
      ignoredReplicasOf: undefined,
      templateGeneration: undefined,
      queueLostAt: undefined,
      redisCredentials: { worked: undefined, read: undefined },
      managementCredentials: { worked: undefined, read: undefined },
      redisDeletion: { last: undefined, urgentFailures: 0, unavailableSince: undefined },
      brokerDeletion: { last: undefined, urgentFailures: 0, unavailableSince: undefined },
      urgentSince: undefined,
      released: false,
      inPlace: new Set(),
      failing: undefined,
      statements: undefined,
    };
    this.#byUid.set(policyUid, fresh);
    return fresh;
  }

  forget(policyUid: string): void {
    this.#byUid.delete(policyUid);
  }
}
