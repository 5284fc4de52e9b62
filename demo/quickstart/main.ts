/**
 * `make quickstart`: builds the image, loads it, and applies quickstart/ to the cluster that CONTEXT names, else to one of
 * the project's own. May be run again: pods then run the image of this moment.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { bundle } from '../../build/bundle.ts';
import { ensureCluster } from '../../test/cluster/index.ts';
import { inNoNamespace, refusal } from '../claim.ts';
import { Kubectl } from '../kubectl.ts';
import { during, say } from '../narrator.ts';
import { existing } from '../users-cluster.ts';
import { quickstartCopy } from './copy.ts';
import { operatorObjects, QUICKSTART_NAMESPACE } from './manifests.ts';

const IN_NAMESPACE = ['-n', QUICKSTART_NAMESPACE];
const PRODUCT =
  'app.kubernetes.io/name in (order-cache-operator, order-cache-worker, order-cache-maintenance)';

const cluster = await ensureCluster();
const kubectl = new Kubectl(cluster);
const found = await existing(kubectl, operatorObjects().filter(inNoNamespace));
const refused = cluster.kind === 'context' ? refusal(process.env.CONTEXT ?? '', found) : undefined;
if (refused === undefined) await install();
else {
  console.error(refused);
  process.exitCode = 1;
}

async function install(): Promise<void> {
  const image = await during('the image is built and loaded', async () => {
    await bundle();
    return cluster.provideImage({
      containerfile: 'Containerfile',
      context: '.',
      tag: 'localhost/order-cache-operator:dev',
      inputs: ['Containerfile', 'dist/image'],
    });
  });
  const copy = quickstartCopy(image, await cluster.serverImages());
  try {
    await during('kubectl apply -k quickstart', () => kubectl.run(['apply', '-k', copy.path]));
  } finally {
    copy.remove();
  }
  // The image has the same name in every build: pods of an earlier run must go.
  if (found.length > 1) await kubectl.run(['delete', 'pods', ...IN_NAMESPACE, '-l', PRODUCT, '--wait=false']);
  await during('the policy becomes Ready', policyReady);
  await during('the pods that change and read orders start', trafficRuns);
  await show();
}

/** The policy is there when its Job has applied it. */
async function policyReady(): Promise<void> {
  await kubectl.until(
    'the policy is there',
    180,
    async () => (await kubectl.run(['get', 'ocp/orders', ...IN_NAMESPACE])) !== '',
  );
  const ready = ['wait', 'ocp/orders', ...IN_NAMESPACE, '--for=condition=Ready', '--timeout=240s'];
  await kubectl.run(ready, { timeoutSeconds: 250 });
}

async function trafficRuns(): Promise<void> {
  for (const name of ['mes', 'shop']) {
    const status = ['rollout', 'status', `deployment/${name}`, ...IN_NAMESPACE, '--timeout=120s'];
    await kubectl.run(status, { timeoutSeconds: 130 });
  }
  await sleep(5_000);
}

async function show(): Promise<void> {
  const hand = `kubectl --kubeconfig=${cluster.kubeconfig} -n ${QUICKSTART_NAMESPACE}`;
  for (const args of [
    ['get', 'ocp'],
    ['logs', 'deployment/mes', '--tail=3'],
    ['logs', 'deployment/shop', '-c', 'shop', '--tail=8'],
  ]) {
    say(`\n$ kubectl -n ${QUICKSTART_NAMESPACE} ${args.join(' ')}`);
    say((await kubectl.run([...args, ...IN_NAMESPACE])).trimEnd());
  }
  say(
    `\nby hand:    ${hand} get ocp\nto remove:  make clean${process.env.CONTEXT ? ` CONTEXT=${process.env.CONTEXT}` : ''}`,
  );
}
