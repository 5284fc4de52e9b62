/** `make clean CONTEXT=name`: takes the demo out of a cluster of the user's. A cluster of ours goes as a whole. */
import { chooseKind } from '../test/cluster/cluster-kind.ts';
import { ensureCluster } from '../test/cluster/index.ts';
import { Kubectl } from './kubectl.ts';
import { NAMESPACE, OPERATOR_NAMESPACE } from './workload.ts';

if ((await chooseKind()) === 'context') await leaveUsersCluster();

/** Policies first, while the operator can still finish their deletion; then the demo's namespaces, our rights and the CRD. */
async function leaveUsersCluster(): Promise<void> {
  const kubectl = new Kubectl(await ensureCluster());
  const gone = '--ignore-not-found';
  await kubectl.run(['delete', 'ocp', '--all', '-n', NAMESPACE, gone, '--timeout=60s']).catch(() => {});
  await kubectl.run(['delete', 'namespace', NAMESPACE, OPERATOR_NAMESPACE, gone], { timeoutSeconds: 180 });
  const ours = 'app.kubernetes.io/instance=order-cache-operator';
  await kubectl.run(['delete', 'clusterrolebinding,clusterrole', '-l', ours, gone]);
  await kubectl.run(['delete', 'crd', 'ordercachepolicies.ordercache.io', gone]);
}
