import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { RedisConnection } from './connect.ts';

type Argument = string | number;

/**
 * A Lua script, called by its hash and sent in full only to a Redis that does not know it (a new one, one that was
 * restarted or flushed its scripts).
 */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  /** Rejects with RedisFailure. */
  run(connection: RedisConnection, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    return connection.run((client) => this.#evaluate(client, keys, args));
  }

  async #evaluate(client: Redis | Cluster, keys: readonly string[], args: readonly Argument[]) {
    try {
      return await client.evalsha(this.#sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!isUnknownScript(error)) throw error;
      return await client.eval(this.#text, keys.length, ...keys, ...args);
    }
  }
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
