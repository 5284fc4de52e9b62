/**
 * When may a queue that nothing is bound to any more be deleted? RabbitMQ cannot delete a quorum queue on the condition
 * that it is empty, and a message that waits in the retry ladder returns to its queue by name: were the queue gone, it
 * could never leave the ladder. So a queue must have been seen empty for as long as a message can be on its way.
 * Pure, except that the tracker remembers since when.
 */
import type { QueueDepth } from './rabbitmq-queue-gauge.ts';

/** Counts follow a publish by some 0.1 s; confirmed retries follow an acknowledgement. */
const MARGIN_SECONDS = 3;

export interface RetryTimes {
  /** Nothing waits in the ladder, of no policy. */
  readonly ladderIsEmpty: boolean;
  readonly longestDelaySeconds: number;
  /** All attempts of one message together. */
  readonly spanSeconds: number;
}

export type QueueVerdict =
  /** It holds messages, or may get some back. */
  | { readonly kind: 'InUse' }
  /** Empty as far as can be seen; to be asked again after so many seconds. */
  | { readonly kind: 'Quiet'; readonly seconds: number }
  /** Nothing can come back: workers need not consume it any more. */
  | { readonly kind: 'Drained' }
  /** Drained, and nobody consumes it. */
  | { readonly kind: 'Deletable' };

interface Sighting {
  readonly since: number;
  readonly consumed: boolean;
}

export class QuietQueues {
  readonly #sightings = new Map<string, Sighting>();

  /** `key` is unique among all brokers and vhosts; `now` in milliseconds. */
  look(key: string, { ready, consumers }: QueueDepth, retry: RetryTimes, now: number): QueueVerdict {
    if (ready > 0) {
      this.#sightings.delete(key);
      return { kind: 'InUse' };
    }
    const consumed = consumers > 0;
    const last = this.#sightings.get(key);
    const stopped = last?.consumed === true && !consumed;
    const since = last === undefined || stopped ? now : last.since;
    this.#sightings.set(key, { since, consumed });
    const left = since / 1000 + requiredQuiet(consumed, retry) - now / 1000;
    if (left > 0) return { kind: 'Quiet', seconds: Math.ceil(left) };
    return { kind: consumed ? 'Drained' : 'Deletable' };
  }

  forget(key: string): void {
    this.#sightings.delete(key);
  }
}

/** Counted anew when the last consumer goes. While workers consume, a message that returns is not seen: it may go through all of its attempts unseen. */
function requiredQuiet(consumed: boolean, retry: RetryTimes): number {
  if (retry.ladderIsEmpty) return MARGIN_SECONDS;
  return MARGIN_SECONDS + (consumed ? retry.spanSeconds : retry.longestDelaySeconds);
}
