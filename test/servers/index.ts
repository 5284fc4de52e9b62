/**
 * Real servers for the tests, each part isolated from every other test and removed after it:
 * `const { amqpUri } = await testVhost(t)` in a test, or `await testVhost({ after })` for a whole file.
 */
export { type TestDatabase, testDatabase } from './database.ts';
export { installPython, installRedisPy } from './debian.ts';
export { ensureServers } from './ensure.ts';
export { type FaultProxy, faultProxy } from './fault-proxy.ts';
export { freePort } from './free-port.ts';
export { type OwnCluster, ownCluster } from './own-cluster.ts';
export { type OwnRedis, ownRedis } from './own-redis.ts';
export { type TestRedis, testRedis } from './redis.ts';
export type { Scope } from './scope.ts';
export type { ServerUris } from './settings.ts';
export { type TestVhost, testVhost } from './vhost.ts';
