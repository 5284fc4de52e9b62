/** `make clean CONTEXT=name`: takes the demo out of a cluster of the user's. A cluster of ours goes as a whole. */
import { chooseKind } from '../test/cluster/cluster-kind.ts';
import { ensureCluster } from '../test/cluster/index.ts';
import { Kubectl } from './kubectl.ts';
import { clusterScope } from './manifests-operator.ts';
import { leave } from './users-cluster.ts';

if ((await chooseKind()) === 'context') {
  await leave(new Kubectl(await ensureCluster()), clusterScope(), (sentence) => console.log(sentence));
}
