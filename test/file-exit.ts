/**
 * Preloaded into the process of each test file. It ends when its tests have: a handle that was left open keeps it until
 * no result has been written for three seconds, and no longer. `--test-force-exit` would do that at once, and lose
 * results that are still on their way to the runner (nodejs/node#64833). A process of Node 24 that ends by itself can
 * spin for ever once a socket was black-holed (Environment::CleanupHandles); one that is told to exit does not.
 */
import { after } from 'node:test';

const LEFT_OPEN_MILLISECONDS = 3_000;
/** On a busy machine a single look may find nothing new only because the process had no turn. */
const LOOKS = 3;

/** Results that were written to the runner so far. */
const written = (): number => (process.stdout as { bytesWritten?: number }).bytesWritten ?? 0;

after(() => {
  let [before, unchanged] = [written(), 0];
  const look = () => {
    const now = written();
    unchanged = now === before ? unchanged + 1 : 0;
    before = now;
    if (unchanged === LOOKS) process.exit();
  };
  setInterval(look, LEFT_OPEN_MILLISECONDS / LOOKS).unref();
});

let reported = false;
process.on('beforeExit', () => {
  if (reported) process.exit();
  // The runner reports the last results when the event loop is empty for the first time.
  reported = true;
  setTimeout(() => undefined, 0);
});
