import { k8s } from 'cdk8s-plus-27';
import { catchUpKey, ttlTableKey } from '../api/names.ts';
import { type Account, type Accounts, sha256 } from './manifests-accounts.ts';
import type { Server } from './manifests-server.ts';

/** The TTL table has no TTL: eviction takes records only, which readers can load again. */
const configuration = `port 6379
bind * -::*
protected-mode no
dir /state
aclfile /secrets/users.acl
save ""
appendonly no
maxmemory 192mb
maxmemory-policy volatile-lru
`;

/** What clients such as redis-py send before EVALSHA; refused, a reader fills nothing and says nothing of it. */
const scriptLoading = '+script|load +script|exists';

/**
 * Least rights. Workers, maintenance pod and operator share an account, since the policy names one Secret. `info` is
 * what clients ask on connecting, and tells the maintenance pod of a failover; it is in the category @dangerous, which
 * is taken away whole.
 */
export function redisAcl(accounts: Accounts, keyPrefix: string): string {
  const table = ttlTableKey(keyPrefix);
  const recordCommands = '+eval +evalsha +hmget +hset +hdel +del +pexpire +time +get';
  const rights: Partial<Record<Account, string>> = {
    worker: `~${keyPrefix}* ~${table} ~${catchUpKey(keyPrefix)} +@connection ${recordCommands} +set +scan +unlink -@dangerous +info`,
    readers: `~${keyPrefix}* %R~${table} +@connection ${recordCommands} +hget ${scriptLoading} -@dangerous +info`,
    auditor: '%R~* +@connection +@read -@dangerous +info',
  };
  const present = (Object.entries(rights) as [Account, string][]).filter(([account]) =>
    accounts.has(account),
  );
  const users = present.map(([account, rules]) => {
    const password = sha256(accounts.password('redis', account)).toString('hex');
    return `user ${account} on #${password} resetchannels -@all ${rules}`;
  });
  return `${['user default off resetchannels -@all', ...users].join('\n')}\n`;
}

/** It keeps nothing: a Redis that was killed comes back empty and with another run id. */
export function redisServer(image: string, accounts: Accounts, keyPrefix: string): Server {
  return {
    name: 'redis',
    image,
    command: ['redis-server', '/config/redis.conf'],
    ports: { redis: 6379 },
    config: { 'redis.conf': configuration },
    secrets: { 'users.acl': redisAcl(accounts, keyPrefix) },
    readiness: { tcpSocket: { port: k8s.IntOrString.fromString('redis') } },
    requests: { cpu: '100m', memory: '64Mi' },
    memoryLimit: '320Mi',
    terminationGracePeriodSeconds: 1,
  };
}
