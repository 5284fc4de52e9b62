import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ABANDON_ANNOTATION } from '../../api/names.ts';
import { bundle } from '../../build/bundle.ts';
import { installManifests } from '../../cdk8s/manifests.ts';
import { imageValues } from '../../cdk8s/values.ts';
import { Kubectl, type KubeObject } from '../../demo/kubectl.ts';
import { SEED_SECRET, serverManifests } from '../../demo/manifests.ts';
import { type Cluster, ensureCluster } from '../cluster/index.ts';
import { installDefinition, openKubectl } from '../integration/kubectl.ts';
import { type Connections, connectionsFromOutside } from './connections.ts';

/**
 * One installation for all files of this suite: an operator of its own name, and RabbitMQ, Redis and PostgreSQL as
 * pods, beside whatever else is on the cluster. A file finds it as the file before left it; test/run.ts takes it away
 * at the end, and `node test/e2e/scene.ts close` does so by hand.
 */

/** Where policies, workers and servers are. */
export const NAMESPACE = 'order-cache-e2e';
export const OPERATOR_NAMESPACE = 'order-cache-e2e-operator';
/** Watched as well, and deleted by a test. */
export const DOOMED_NAMESPACE = 'order-cache-e2e-doomed';
/** Of the operator's objects; its ClusterRole must not be that of another installation. */
export const OPERATOR = 'order-cache-e2e-operator';
export const KEY_PREFIX = 'order:';

const NAMESPACES = [NAMESPACE, DOOMED_NAMESPACE, OPERATOR_NAMESPACE];
const ROOT = join(import.meta.dirname, '../..');
const SERVERS = ['rabbitmq', 'redis', 'postgres'] as const;

export interface Scene {
  readonly kubectl: Kubectl;
  /** Of the servers, as this process reaches them. */
  readonly connections: Connections;
}

/** Some seconds when it is there, half a minute when it is not. */
export async function openScene(): Promise<Scene> {
  const cluster = await ensureCluster();
  const kubectl = new Kubectl(cluster);
  await installDefinition(await openKubectl());
  await removePolicies(kubectl);
  await untilNotTerminating(kubectl);
  await kubectl.apply(NAMESPACES.map(namespace));
  const seed = await passwordSeed(kubectl);
  const [image, images] = [await productImage(cluster), await cluster.serverImages()];
  await kubectl.apply(
    serverManifests({ namespace: NAMESPACE, images, seed, keyPrefix: KEY_PREFIX }).map(reachable),
  );
  await kubectl.apply(operatorManifests(image));
  await Promise.all([
    ...SERVERS.map((name) => rolledOut(kubectl, NAMESPACE, name)),
    rolledOut(kubectl, OPERATOR_NAMESPACE, OPERATOR),
  ]);
  return { kubectl, connections: await connectionsFromOutside(kubectl, NAMESPACE, seed) };
}

/** The next `openScene` waits for the end of its namespaces. */
export async function closeScene(): Promise<void> {
  const kubectl = new Kubectl(await ensureCluster());
  await removePolicies(kubectl);
  const ours = `app.kubernetes.io/instance=${OPERATOR}`;
  await kubectl.run(['delete', 'clusterroles,clusterrolebindings', '-l', ours]);
  await kubectl.run(['delete', 'namespace', ...NAMESPACES, '--ignore-not-found', '--wait=false']);
}

export async function rolledOut(kubectl: Kubectl, namespaceName: string, name: string): Promise<void> {
  await kubectl.run(['rollout', 'status', `deployment/${name}`, '-n', namespaceName, '--timeout=180s'], {
    timeoutSeconds: 190,
  });
}

/** What a run that was broken off has left, if need be without an operator that cleans up after them. */
async function removePolicies(kubectl: Kubectl): Promise<void> {
  const { items } = await kubectl.json<{ items: KubeObject[] }>(['get', 'ocp', '--all-namespaces']);
  for (const { metadata } of items.filter(({ metadata }) => NAMESPACES.includes(metadata.namespace ?? ''))) {
    const policy = ['ocp', metadata.name, '-n', metadata.namespace ?? ''];
    await kubectl.run(['annotate', ...policy, '--overwrite', `${ABANDON_ANNOTATION}=true`]).catch(() => '');
    await kubectl
      .run(['delete', ...policy, '--ignore-not-found', '--timeout=20s'])
      .catch(() =>
        kubectl.run(['patch', ...policy, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']),
      );
  }
}

async function productImage(cluster: Cluster): Promise<string> {
  await bundle();
  return cluster.provideImage({
    containerfile: join(ROOT, 'Containerfile'),
    context: ROOT,
    tag: 'localhost/order-cache-operator:e2e',
    inputs: [join(ROOT, 'Containerfile'), join(ROOT, 'dist/image')],
  });
}

/** Two operator pods, one of them a standby. They roll when the bundle is another than before. */
function operatorManifests(image: string): KubeObject[] {
  const manifests = installManifests(
    {
      image: imageValues(image),
      installation: 'e2e',
      watchNamespaces: [{ name: NAMESPACE }, { name: DOOMED_NAMESPACE }],
      replicaCount: 2,
      resources: { requests: { cpu: '20m' } },
      crds: { install: false },
    },
    { namespace: OPERATOR_NAMESPACE, name: OPERATOR, createNamespace: false },
  ) as KubeObject[];
  const hash = createHash('sha256');
  for (const file of ['operator.js', 'worker.js']) hash.update(readFileSync(join(ROOT, 'dist/image', file)));
  const annotations = { 'order-cache-e2e/bundle': hash.digest('hex').slice(0, 16) };
  return manifests.map((object) =>
    object.kind === 'Deployment' ? withPodAnnotations(object, annotations) : object,
  );
}

type Deployment = KubeObject & { spec: { template: { metadata: { annotations?: object } } } };

function withPodAnnotations(object: KubeObject, annotations: object): KubeObject {
  const { spec } = object as Deployment;
  const metadata = { ...spec.template.metadata, annotations };
  return { ...object, spec: { ...spec, template: { ...spec.template, metadata } } };
}

/** Services can be reached from outside the cluster too. */
function reachable(object: KubeObject): KubeObject {
  if (object.kind !== 'Service') return object;
  return { ...object, spec: { ...(object.spec as object), type: 'NodePort' } };
}

function namespace(name: string): KubeObject {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

async function untilNotTerminating(kubectl: Kubectl): Promise<void> {
  await kubectl.until('namespaces of an earlier run are gone', 300, async () => {
    const { items } = await kubectl.json<{ items: (KubeObject & { status: { phase: string } })[] }>([
      'get',
      'namespaces',
    ]);
    return !items.some(
      ({ metadata, status }) => metadata.name.startsWith(NAMESPACE) && status.phase === 'Terminating',
    );
  });
}

/** Kept in the cluster, so that the next file finds the servers with the same passwords. */
async function passwordSeed(kubectl: Kubectl): Promise<string> {
  const path = `jsonpath={.data.${SEED_SECRET.key}}`;
  const read = ['get', 'secret', SEED_SECRET.name, '-n', NAMESPACE, '--ignore-not-found', '-o', path];
  const kept = await kubectl.run(read);
  return kept === '' ? randomBytes(24).toString('hex') : Buffer.from(kept, 'base64').toString();
}

if (import.meta.main && process.argv[2] === 'close') await closeScene();
