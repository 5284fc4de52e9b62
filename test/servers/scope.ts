import { randomBytes } from 'node:crypto';

/**
 * What a thing lives for: a test's context, or `{ after }` of node:test for a whole file.
 * node:test runs clean-up in the order in which it was registered: what a test adds later runs when the virtual host,
 * the keys and the database are gone already.
 */
export interface Scope {
  after(cleanup: () => Promise<void>): void;
}

/** A name that no other test has; letters and digits, so that it needs no quoting anywhere. */
export function uniqueName(): string {
  return `t${randomBytes(6).toString('hex')}`;
}
