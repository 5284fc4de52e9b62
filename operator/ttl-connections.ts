import { connectRedis, type RedisConnection, type RedisCredentials } from '../cache/ttl-table-redis.ts';

interface Shared {
  readonly key: string;
  readonly connection: RedisConnection;
  readonly users: Set<string>;
}

/**
 * One connection to each Redis and user, whatever the number of policies; closed when the last policy leaves it. A
 * policy has one connection at a time, so a changed Secret moves it to another.
 */
export class TtlConnections {
  readonly #byKey = new Map<string, Shared>();
  readonly #byUser = new Map<string, Shared>();

  /** Resolves once it can be used; rejects with RedisFailure. @throws RedisUriInvalid */
  async use(policyUid: string, credentials: RedisCredentials): Promise<RedisConnection> {
    const { connection } = this.#share(policyUid, credentials);
    await connection.ready();
    return connection;
  }

  leave(policyUid: string): void {
    const shared = this.#byUser.get(policyUid);
    if (shared === undefined) return;
    this.#byUser.delete(policyUid);
    shared.users.delete(policyUid);
    if (shared.users.size > 0) return;
    this.#byKey.delete(shared.key);
    shared.connection.close();
  }

  close(): void {
    for (const user of [...this.#byUser.keys()]) this.leave(user);
  }

  #share(policyUid: string, credentials: RedisCredentials): Shared {
    const key = keyOf(credentials);
    const present = this.#byUser.get(policyUid);
    if (present?.key === key) return present;
    const shared = this.#byKey.get(key) ?? this.#open(key, credentials);
    this.leave(policyUid);
    shared.users.add(policyUid);
    this.#byUser.set(policyUid, shared);
    return shared;
  }

  #open(key: string, credentials: RedisCredentials): Shared {
    const shared = { key, connection: connectRedis(credentials), users: new Set<string>() };
    this.#byKey.set(key, shared);
    return shared;
  }
}

function keyOf({ uri, username, password, ca, cert, key }: RedisCredentials): string {
  return JSON.stringify([uri, username, password, ca, cert, key]);
}
