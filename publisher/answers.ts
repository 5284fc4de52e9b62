import type { Confirmation, ConfirmationOutcome } from '../api/confirmation.ts';
import type { Outstanding } from './outstanding.ts';
import { PublishError } from './publish-error.ts';

/** What a worker found when it made the cache right. */
export type VisibleOutcome = Exclude<ConfirmationOutcome, 'unseen' | 'dead-lettered'>;

/** A change that readers see: what they get is at least as new. */
export interface VisibleChange {
  readonly messageId: string;
  readonly outcome: VisibleOutcome;
  /** That of the row as the worker read it, or else the event's; null: neither has one. */
  readonly version: string | null;
}

/** @throws PublishError for a confirmation that says the change is not visible */
export function visibleChange(messageId: string, confirmation: Confirmation | undefined): VisibleChange {
  const facts = { messageId, mayHaveArrived: true };
  if (confirmation === undefined) throw new PublishError('NotConfirmed', 'published, not confirmed', facts);
  const { outcome, version, reason = 'no reason is given' } = confirmation;
  if (outcome === 'dead-lettered')
    throw new PublishError('DeadLettered', `the event was dead-lettered: ${reason}`, facts);
  if (outcome === 'unseen')
    throw new PublishError('Unseen', 'the row never reached the version of the event', facts);
  return { messageId, outcome, version };
}

/** The broker said no, which may have been the answer of one queue among several. */
export function refused({ message }: Outstanding, detail: string): PublishError {
  return new PublishError('Refused', detail, { messageId: message.messageId, mayHaveArrived: true });
}

/** No queue took it; an earlier attempt may have arrived. */
export function unroutable({ message, arrived }: Outstanding): PublishError {
  const facts = { messageId: message.messageId, mayHaveArrived: arrived };
  return new PublishError('Unroutable', 'no queue is bound for the routing key', facts);
}

/** What its deadline says about an event. */
export function timedOut(outstanding: Outstanding, lastTrouble: string | undefined): PublishError {
  const { arrived, sent, timeoutMilliseconds, message } = outstanding;
  const facts = { messageId: message.messageId, mayHaveArrived: sent || arrived };
  const trouble = lastTrouble === undefined ? '' : `; ${lastTrouble}`;
  if (arrived) {
    const detail = `published, and not confirmed by a worker within ${timeoutMilliseconds} ms${trouble}`;
    return new PublishError('NotConfirmed', detail, facts);
  }
  const what = sent ? 'sent and not confirmed' : 'not sent';
  return new PublishError('TimedOut', `${what} within ${timeoutMilliseconds} ms${trouble}`, facts);
}
