/**
 * `make clean CONTEXT=name`: takes demo and quickstart out of a cluster of the user's. A cluster of ours goes as a whole.
 */
import { chooseKind } from '../test/cluster/cluster-kind.ts';
import { ensureCluster } from '../test/cluster/index.ts';
import { inNoNamespace } from './claim.ts';
import { Kubectl } from './kubectl.ts';
import { clusterScope } from './manifests-operator.ts';
import { operatorObjects } from './quickstart/manifests.ts';
import { leave } from './users-cluster.ts';

if ((await chooseKind()) === 'context') {
  const own = clusterScope();
  const quickstart = operatorObjects().filter(inNoNamespace);
  const more = quickstart.filter(({ kind }) => kind !== 'CustomResourceDefinition');
  await leave(new Kubectl(await ensureCluster()), [...own, ...more], (sentence) => console.log(sentence));
}
