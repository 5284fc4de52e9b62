import { CachedReader } from './cached-reader.ts';
import type { Reader } from './order-status.ts';
import type { ReaderOptions } from './reader-options.ts';

export { RedisFailure, RedisRefused, RedisUnavailable, RedisUriInvalid } from './failure.ts';
export { LoadTimeout, ReaderOverloaded } from './load-limit.ts';
export type { OrderStatus, OrderStatuses, Reader } from './order-status.ts';
export { DatabaseUnavailable } from './orders-database.ts';
export { isDatabaseOutage } from './outage.ts';
export type { ReaderHooks } from './reader-hooks.ts';
export type { LoadedRow, ReaderOptions } from './reader-options.ts';
export type { CredentialsCallback, RedisCredentials } from './renewed-connection.ts';

/**
 * Makes a reader. It connects in the background and is of use at once.
 * @throws RedisUriInvalid, TypeError when an option is wrong
 */
export function createReader(options: ReaderOptions): Reader {
  return new CachedReader(options);
}
