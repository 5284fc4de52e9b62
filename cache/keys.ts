import { ORDER_ID_PATTERN } from '../api/event.ts';

/** The fields of an order's hash. A record has `status`; a placeholder has `lease` and no `status`. */
export const FIELDS = {
  status: 'status',
  version: 'version',
  /** Which counter the version belongs to. Absent when there is no version. */
  source: 'source',
  /** Milliseconds since 1970 by Redis' clock, when the record was written. */
  updatedAt: 'updatedAt',
  /** Token of the worker that is about to settle the record. */
  ticket: 'ticket',
  /** Token of the reader that is reading the database for the key; or `ABSENT`, which makes it a negative entry. */
  lease: 'lease',
} as const;

/**
 * A lease that nobody holds: the database had no such order. Tokens are longer, so that none is ever this word. To
 * every script but `lease` and `fill` a negative entry is a placeholder like any other.
 */
export const ABSENT = 'absent';

/** Key of an order's record or placeholder. */
export function orderKey(keyPrefix: string, orderId: string): string {
  return keyPrefix + orderId;
}

/** Only such ids are cached: an event for any other is dead-lettered, so nobody would keep its record right. */
export function isCacheable(orderId: string): boolean {
  return ORDER_ID_PATTERN.test(orderId);
}

/** A SCAN pattern for all keys of a prefix. */
export function keysPattern(keyPrefix: string): string {
  return `${keyPrefix.replace(/[\\*?[\]]/g, '\\$&')}*`;
}
