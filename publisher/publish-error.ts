/** What became of an event that was not published; each needs another reaction. */
export type PublishFailure =
  /** The event is at fault: `field` says where. Publishing it again fails again. */
  | 'Invalid'
  /** The broker said no: the queue is full, the exchange is missing, or the user may not publish there. */
  | 'Refused'
  /** No queue is bound for the routing key. */
  | 'Unroutable'
  /** No answer within the deadline. */
  | 'TimedOut'
  /**
   * The event is in its queue, and no worker has confirmed it within the deadline: the workers are behind or away, or
   * the policy declares no confirmation by reply-to. The change will be visible; when is not known.
   */
  | 'NotConfirmed'
  /** A worker has dead-lettered the event. */
  | 'DeadLettered'
  /** The row never reached the version that the event carries: was the transaction rolled back? */
  | 'Unseen'
  /** The publisher was closed before. */
  | 'Closed';

interface Facts {
  readonly messageId?: string | undefined;
  readonly field?: string | undefined;
  /** False when the event certainly is in no queue. Default: false. */
  readonly mayHaveArrived?: boolean;
}

/** Why `publish` or `publishAndWait` failed. The text holds neither credentials nor anything of the event. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly reason: PublishFailure;
  /** Publish again with this id: an event that arrives twice is harmless. */
  readonly messageId: string | undefined;
  /** With Invalid: the field at fault. */
  readonly field: string | undefined;
  /** Whether the event may be in a queue nevertheless. */
  readonly mayHaveArrived: boolean;

  constructor(reason: PublishFailure, detail: string, facts: Facts = {}) {
    super(detail);
    this.reason = reason;
    this.messageId = facts.messageId;
    this.field = facts.field;
    this.mayHaveArrived = facts.mayHaveArrived ?? false;
  }
}
