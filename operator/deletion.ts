import type { ConditionReason } from '../api/conditions.ts';

/** What an attempt to clean up after a policy in one store (Redis or the broker) came to. */
export type CleanUp =
  /** `orphaned`: what of ours stays there, as sentences. */
  | { readonly kind: 'Clean'; readonly orphaned: readonly string[] }
  | {
      readonly kind: 'Waiting';
      readonly seconds: number;
      readonly message: string;
      readonly orphaned: readonly string[];
    }
  | {
      readonly kind: 'Problem';
      readonly reason: ConditionReason;
      readonly message: string;
      /** false: another attempt comes to the same until somebody changes something. */
      readonly retryable: boolean;
      /** What stays if the deletion finishes now. */
      readonly orphaned: readonly string[];
    };

/** The last attempt in one store, and what came before it. */
export interface Attempt {
  readonly cleanUp: CleanUp;
  /** Attempts in a row that were problems, this one included, since the deletion is urgent. */
  readonly urgentFailures: number;
  /** Without a break, as this process has seen it. */
  readonly unavailableForSeconds: number;
}

export interface DeletionContext {
  /** The annotation ordercache.io/abandon is set. */
  readonly abandoned: boolean;
  /** The policy's namespace is going away, and its Secrets with it. */
  readonly namespaceTerminating: boolean;
  /** A Secret that is needed for the clean-up cannot be read or used any more. */
  readonly secretGone: boolean;
  /** Seconds since one of these was first seen; 0 while none is. */
  readonly urgentForSeconds: number;
}

export type DeletionDecision =
  | { readonly kind: 'Finish'; readonly orphaned: readonly string[]; readonly because: string }
  | {
      readonly kind: 'Retry';
      readonly afterSeconds: number;
      readonly reason: ConditionReason;
      readonly message: string;
      readonly outlook: 'Progresses' | 'Stalls';
    };

/** A store that is unavailable holds a deletion up for so long. */
const PATIENCE_SECONDS = 300;
const RETRY_SECONDS = 10;
/**
 * An urgent deletion tries a store that fails so often: a connection that the server has just closed, or a failover,
 * costs one attempt, and the namespace waits for some seconds at most where nobody answers.
 */
export const URGENT_ATTEMPTS = 3;
/** And waits so long for workers to let go of the queue: twice their default grace period. */
const URGENT_PATIENCE_SECONDS = 60;
const URGENT_RETRY_SECONDS = 2;

/**
 * Does the deletion finish, and what is orphaned by that, or is it tried again? Each store is decided for itself. With
 * a store that does not do as asked it ends all the same, so that a namespace is never stuck.
 */
export function decideDeletion(attempts: readonly Attempt[], context: DeletionContext): DeletionDecision {
  const open = attempts.filter((attempt) => isTriedAgain(attempt, context)).map(({ cleanUp }) => cleanUp);
  const problem = open.find((cleanUp) => cleanUp.kind === 'Problem');
  const urgent = reasonForUrgency(context) !== undefined;
  if (problem) {
    const { reason, message } = problem;
    const outlook = reason === 'QueueNotEmpty' ? 'Stalls' : 'Progresses';
    return {
      kind: 'Retry',
      afterSeconds: urgent ? URGENT_RETRY_SECONDS : RETRY_SECONDS,
      reason,
      message,
      outlook,
    };
  }
  const waiting = open.find((cleanUp) => cleanUp.kind === 'Waiting');
  if (waiting) {
    const { seconds, message } = waiting;
    const afterSeconds = urgent ? Math.min(seconds, URGENT_RETRY_SECONDS) : seconds;
    return { kind: 'Retry', afterSeconds, reason: 'Deleting', message, outlook: 'Progresses' };
  }
  return {
    kind: 'Finish',
    orphaned: attempts.flatMap(({ cleanUp }) => cleanUp.orphaned),
    because: reasonToFinish(attempts, context),
  };
}

/** Attempts and waiting are bounded: the Secrets are gone or going, and so are those who could bring them back. */
export function reasonForUrgency(context: Omit<DeletionContext, 'urgentForSeconds'>): string | undefined {
  if (context.abandoned) return 'given up by annotation';
  if (context.namespaceTerminating) return 'the namespace is being deleted';
  return context.secretGone ? 'a Secret is gone' : undefined;
}

/** The store did not do what was asked of it, and may do so later. */
export function isUnavailable(cleanUp: CleanUp): boolean {
  return cleanUp.kind === 'Problem' && cleanUp.reason !== 'QueueNotEmpty';
}

/** Since when the store has been unavailable without a break; undefined: it is not. */
export function unavailableSince(
  cleanUp: CleanUp,
  before: number | undefined,
  now: number,
): number | undefined {
  return isUnavailable(cleanUp) ? (before ?? now) : undefined;
}

function isTriedAgain(attempt: Attempt, context: DeletionContext): boolean {
  const { cleanUp, urgentFailures, unavailableForSeconds } = attempt;
  if (cleanUp.kind === 'Clean' || context.abandoned) return false;
  if (reasonForUrgency(context) === undefined) {
    return !isUnavailable(cleanUp) || unavailableForSeconds <= PATIENCE_SECONDS;
  }
  if (cleanUp.kind === 'Waiting') return context.urgentForSeconds <= URGENT_PATIENCE_SECONDS;
  return cleanUp.retryable && urgentFailures < URGENT_ATTEMPTS;
}

function reasonToFinish(attempts: readonly Attempt[], context: DeletionContext): string {
  const unfinished = attempts.map(({ cleanUp }) => cleanUp).find(({ kind }) => kind !== 'Clean');
  if (unfinished === undefined || unfinished.kind === 'Clean') return 'cleaned up';
  return reasonForUrgency(context) ?? `${unfinished.message}, for five minutes`;
}
