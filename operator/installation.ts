import { setTimeout as sleep } from 'node:timers/promises';
import { type KubernetesClient, KubernetesError } from './kubernetes-client.ts';

/** What an installation without a name was called before it was called by its cluster. */
export const FORMER_DEFAULT = 'default';

const CLUSTER_NAMESPACE = 'kube-system';
const ATTEMPTS = 15;
const RETRY_MS = 2_000;

/**
 * The first part of every owner: the name that was given, else the UID of the cluster's namespace kube-system, so that
 * two clusters on one broker or Redis never take each other for themselves. Throws when that cannot be read.
 */
export async function installationName(
  given: string | undefined,
  client: KubernetesClient,
  retryMs = RETRY_MS,
): Promise<string> {
  if (given !== undefined) return given;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const uid = (await client.getNamespace(CLUSTER_NAMESPACE))?.metadata.uid;
      if (uid !== undefined) return uid;
      throw new Error(unreadable('it does not exist'));
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.failure === 'Forbidden' || attempt === ATTEMPTS) throw new Error(unreadable(error.message));
      await sleep(retryMs);
    }
  }
}

function unreadable(why: string): string {
  return `ORDERCACHE_INSTALLATION: expected a name, because the UID of namespace ${CLUSTER_NAMESPACE} cannot be read: ${why}`;
}
