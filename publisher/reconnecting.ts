import { setTimeout as sleep } from 'node:timers/promises';

/** In milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

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
  for (let attempt = 0; !closing.aborted; attempt += 1) {
    try {
      await session(() => {
        attempt = 0;
      });
    } catch (error) {
      trouble(error);
    }
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 16));
    const pause = longest * (0.5 + Math.random() / 2);
    await sleep(pause, undefined, { signal: closing }).catch(() => {});
  }
}
