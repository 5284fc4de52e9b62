import { catchUpKey } from '../api/names.ts';
import type { RedisConnection } from '../cache/connect.ts';
import { type CatchUpState, decodeState, encodeState } from './catch-up-state.ts';

/** Longer than any pause of the pod; without the key everything is walked once more, no worse. */
const KEPT_SECONDS = 30 * 86_400;
/** The life of the key is renewed after this, in milliseconds. */
const RENEWED_AFTER = 86_400_000;

/** The state of the catch-up in the Redis that it is about: it is lost and restored together with the records. */
export class CatchUpStore {
  readonly #key: string;
  #renewedAt = 0;

  constructor(keyPrefix: string) {
    this.#key = catchUpKey(keyPrefix);
  }

  /** Null when there is none. @throws RedisFailure */
  async read(connection: RedisConnection): Promise<CatchUpState | null> {
    const state = decodeState(await connection.run((client) => client.get(this.#key)));
    if (state !== null && Date.now() - this.#renewedAt > RENEWED_AFTER) await this.write(connection, state);
    return state;
  }

  /** @throws RedisFailure */
  async write(connection: RedisConnection, state: CatchUpState): Promise<void> {
    await connection.run((client) => client.set(this.#key, encodeState(state), 'EX', KEPT_SECONDS));
    this.#renewedAt = Date.now();
  }
}
