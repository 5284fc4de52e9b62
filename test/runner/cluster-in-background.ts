import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/**
 * Begins to set up the cluster, and builds it on a new machine, while tests run that do not need it. Its progress comes
 * on standard error. The returned promise is of its end; it throws when there is no cluster.
 */
export function clusterInBackground(): Promise<void> {
  const script = join(import.meta.dirname, '../cluster/cluster.ts');
  const child = spawn(process.execPath, [script, 'up-for-tests'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit').then(([code]) => {
    if (code !== 0) throw new Error('the cluster does not start: see above, or run `make cluster`');
  });
  // Whoever needs the cluster gets the failure; until then nobody waits for it.
  ended.catch(() => {});
  return ended;
}
