import { ensureHelm } from './binaries.ts';
import { type Cluster, chooseKind } from './cluster-kind.ts';
import { removeComponents } from './components.ts';
import { ensureComponentsCluster } from './components-cluster.ts';
import { useContext } from './context.ts';
import { ensureKind, removeKind } from './kind.ts';

export type { Cluster, ProductImage, ServerImages } from './cluster-kind.ts';
export { ensureHelm };

/**
 * A Kubernetes that is up: the one that CONTEXT names, else kind where Docker works, else components on this machine.
 * Found running within a second or two; started within a minute; built first on a new machine, in 10 minutes or so.
 */
export async function ensureCluster(): Promise<Cluster> {
  switch (await chooseKind()) {
    case 'context':
      return useContext(process.env.CONTEXT ?? '');
    case 'kind':
      return ensureKind();
    case 'components':
      return ensureComponentsCluster();
  }
}

/** Takes away what `ensureCluster` started, and never a cluster of the user's. Built things stay in the cache. */
export async function removeCluster(): Promise<void> {
  switch (await chooseKind()) {
    case 'context':
      return;
    case 'kind':
      return removeKind();
    case 'components':
      return removeComponents();
  }
}
