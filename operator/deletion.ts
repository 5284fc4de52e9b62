import type { ConditionReason } from '../api/conditions.ts';

/** What one attempt to clean up after a policy came to. */
export type CleanUp =
  /** What of ours stays outside, as sentences. */
  | { readonly kind: 'Clean'; readonly leftovers: readonly string[] }
  | {
      readonly kind: 'Waiting';
      readonly seconds: number;
      readonly message: string;
      readonly leftovers: readonly string[];
    }
  | {
      readonly kind: 'Problem';
      readonly reason: ConditionReason;
      readonly message: string;
      /** What stays if the deletion finishes now. */
      readonly leftovers: readonly string[];
    };

export interface Circumstances {
  /** The annotation ordercache.io/abandon is set. */
  readonly abandoned: boolean;
  /** The policy's namespace is going away, and its Secrets with it. */
  readonly namespaceTerminating: boolean;
  /** A Secret without which nothing can be cleaned up does not exist or is of no use. */
  readonly secretGone: boolean;
}

export type DeletionVerdict =
  | { readonly kind: 'Finish'; readonly leftovers: readonly string[]; readonly because: string }
  | {
      readonly kind: 'Retry';
      readonly afterSeconds: number;
      readonly reason: ConditionReason;
      readonly message: string;
      readonly outlook: 'Progresses' | 'Stalls';
    };

/** A broker or Redis that is away holds a deletion up for so long. */
const PATIENCE_SECONDS = 300;
const RETRY_SECONDS = 10;

/**
 * Does the deletion finish, and with what left over, or is it tried again? It always ends: a namespace is never stuck.
 *
 * @param awayForSeconds how long broker or Redis have been away without a break
 */
export function deletionVerdict(
  cleanUp: CleanUp,
  circumstances: Circumstances,
  awayForSeconds: number,
): DeletionVerdict {
  if (cleanUp.kind === 'Clean') return finish(cleanUp, 'cleaned up');
  const release = reasonToRelease(cleanUp, circumstances, awayForSeconds);
  if (release !== undefined) return finish(cleanUp, release);
  if (cleanUp.kind === 'Waiting') {
    const { seconds, message } = cleanUp;
    return { kind: 'Retry', afterSeconds: seconds, reason: 'Deleting', message, outlook: 'Progresses' };
  }
  const { reason, message } = cleanUp;
  const outlook = reason === 'QueueNotEmpty' ? 'Stalls' : 'Progresses';
  return { kind: 'Retry', afterSeconds: RETRY_SECONDS, reason, message, outlook };
}

/** The broker or Redis did not do what was asked of it, and may do so later. */
function isAway(cleanUp: CleanUp): cleanUp is Extract<CleanUp, { kind: 'Problem' }> {
  return cleanUp.kind === 'Problem' && cleanUp.reason !== 'QueueNotEmpty';
}

/** Since when broker or Redis have been away without a break; undefined: they are not. */
export function awaySince(cleanUp: CleanUp, before: number | undefined, now: number): number | undefined {
  return isAway(cleanUp) ? (before ?? now) : undefined;
}

/** The policy is let go after one try, whatever comes of it. */
export function isLastAttempt(circumstances: Circumstances): boolean {
  return reasonToHurry(circumstances) !== undefined;
}

function reasonToHurry({ abandoned, namespaceTerminating, secretGone }: Circumstances): string | undefined {
  if (abandoned) return 'given up by annotation';
  if (namespaceTerminating) return 'the namespace is being deleted';
  return secretGone ? 'a Secret is gone' : undefined;
}

function reasonToRelease(
  cleanUp: Exclude<CleanUp, { kind: 'Clean' }>,
  circumstances: Circumstances,
  awayForSeconds: number,
): string | undefined {
  const hurry = reasonToHurry(circumstances);
  if (hurry !== undefined) return hurry;
  return isAway(cleanUp) && awayForSeconds > PATIENCE_SECONDS
    ? `${cleanUp.message}, for five minutes`
    : undefined;
}

function finish({ leftovers }: CleanUp, because: string): DeletionVerdict {
  return { kind: 'Finish', leftovers, because };
}
