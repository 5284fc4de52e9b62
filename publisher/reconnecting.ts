import { setTimeout as sleep } from 'node:timers/promises';
import { retryDelay } from './retry-delay.ts';

const PAUSES = { initialMilliseconds: 100, maximumMilliseconds: 5_000 };

/**
 * One session after another until `closing`; the pause before the next one doubles with each that did not come up.
 *
 * @param session calls `up` when it is connected, ends when the connection is lost, and throws when there was none
 */
export async function reconnecting(
  session: (up: () => void) => Promise<void>,
  trouble: (error: unknown) => void,
  closing: AbortSignal,
): Promise<void> {
  for (let attempt = 1; !closing.aborted; attempt += 1) {
    try {
      await session(() => {
        attempt = 1;
      });
    } catch (error) {
      trouble(error);
    }
    await sleep(retryDelay(PAUSES, attempt, Math.random()), undefined, { signal: closing }).catch(() => {});
  }
}
