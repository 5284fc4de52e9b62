import { Redis } from 'ioredis';
import { connectRedis } from '../../cache/connect.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { type Scope, uniqueName } from '../servers/scope.ts';
import type { Ground } from './play.ts';

/** A connection for sequences; the scripts are known to every server when it resolves. */
export async function ground(scope: Scope, uri: string, keyPrefix = `${uniqueName()}:`): Promise<Ground> {
  const connection = connectRedis({ uri }, { commandTimeoutMs: 20_000, connectTimeoutMs: 20_000 });
  scope.after(async () => connection.close());
  await connection.ready();
  const setMemory = async () => {
    throw new Error('this Redis belongs to others, too');
  };
  const made = { connection, keyPrefix, setMemory };
  await warmUp(made);
  return made;
}

/** The same on a Redis of its own, whose memory may be taken away. */
export async function ownGround(scope: Scope, uri: string): Promise<Ground> {
  const made = await ground(scope, uri);
  const admin = new Redis(uri, { commandTimeout: 20_000 });
  admin.on('error', () => {});
  scope.after(async () => admin.disconnect());
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
  return { ...made, setMemory: (available) => admin.config('SET', 'maxmemory', available ? '0' : '1') };
}

/**
 * A script that a server does not know is sent a second time, and then what is read in the same breath is read too
 * early. So each script runs on each server first; 60 keys reach all masters of a Cluster.
 */
async function warmUp(made: Ground): Promise<void> {
  const cache = new OrderCache(made.connection, { keyPrefix: made.keyPrefix, versionSource: null });
  const orderIds = Array.from({ length: 60 }, (_, index) => `warm${index}`);
  const absent = orderIds.map((orderId) => ({ orderId, expected: null }));
  await Promise.all(orderIds.map((orderId) => cache.lease(orderId, 1)));
  await Promise.all(orderIds.map((orderId) => cache.release(orderId, 'never given')));
  await cache.apply('mark', absent);
  await cache.settle(
    'never given',
    null,
    orderIds.map((orderId) => ({ orderId, row: null })),
  );
}
