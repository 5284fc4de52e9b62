import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buildSync } from 'esbuild';
import { parse } from 'yaml';
import { bundle } from '../build/bundle.ts';
import { contentHash } from '../test/cluster/images.ts';
import { type Cluster, ensureCluster } from '../test/cluster/index.ts';
import { marked, refusal } from './claim.ts';
import { Kubectl, type KubeObject } from './kubectl.ts';
import { SEED_SECRET, serverManifests } from './manifests.ts';
import { clusterScope, installation } from './manifests-operator.ts';
import { act, during, say } from './narrator.ts';
import { TrafficPods } from './pods.ts';
import { existing } from './users-cluster.ts';
import { NAMESPACE, OPERATOR_NAMESPACE, POLICY, readersSettings } from './workload.ts';
import { World } from './world.ts';

const IMAGE_TAG = 'localhost/order-cache-operator:dev';
const POLICY_EXAMPLE = new URL('../docs/examples/scale-with-load.yaml', import.meta.url);

/** Act 1: a cluster. Of the user's, with why the demo must not begin there. */
export async function findCluster(): Promise<{ cluster: Cluster; kubectl: Kubectl; refused?: string }> {
  act(1, 'A cluster and an image');
  const cluster = await ensureCluster();
  say(`cluster: ${cluster.kind}`);
  const kubectl = new Kubectl(cluster);
  if (cluster.kind !== 'context') return { cluster, kubectl };
  const refused = refusal(process.env.CONTEXT ?? '', await existing(kubectl, clusterScope()));
  return { cluster, kubectl, ...(refused === undefined ? {} : { refused }) };
}

/** Act 1, too: the image in that cluster. Returns the reference that pods use. */
export function provideImage(cluster: Cluster): Promise<string> {
  return during('the image is built and loaded', async () => {
    await bundle();
    return cluster.provideImage({
      containerfile: 'Containerfile',
      context: '.',
      tag: IMAGE_TAG,
      inputs: ['Containerfile', 'dist/image'],
    });
  });
}

/** Acts 2 and 3. What an earlier run has left of the policy is taken away first; its queue and messages stay. */
export async function install(cluster: Cluster, kubectl: Kubectl, image: string): Promise<World> {
  act(2, 'The operator, RabbitMQ, Redis and PostgreSQL, and one policy');
  const pods = new TrafficPods(kubectl, NAMESPACE, image);
  await during('the CRD and the operator are applied', () => installOperator(kubectl, image));
  await during('RabbitMQ, Redis and PostgreSQL start', () => installServers(cluster, kubectl));
  await during('the operator is ready', () =>
    rolledOut(kubectl, OPERATOR_NAMESPACE, 'deployment/order-cache-operator'),
  );
  await pods.removeAll();
  await pods.installProgram(trafficProgram());
  const settings = readersSettings();
  await pods.run({ name: 'seed', command: 'seed', identity: 'mes', settings }, 300);
  say(`${settings.orders} orders in PostgreSQL`);
  const world = new World(kubectl, pods, cluster.killContainer);
  await kubectl.run(['delete', 'ocp', POLICY, '-n', NAMESPACE, '--ignore-not-found', '--timeout=120s'], {
    timeoutSeconds: 130,
  });
  act(3, 'The operator declares the topology, starts workers, publishes the TTL policy');
  await applyPolicy(world);
  return world;
}

/** Applies the example and shows what the operator makes of it. */
export async function applyPolicy(world: World): Promise<void> {
  const policy = parse(await readFile(POLICY_EXAMPLE, 'utf8')) as KubeObject;
  await world.kubectl.apply([policy]);
  await during('the policy becomes Ready', () => world.policyReady(300));
  const { status } = await world.policy();
  for (const { type, status: value, reason, message } of status?.conditions ?? []) {
    say(`${type.padEnd(16)} ${value.padEnd(6)} ${reason}: ${message}`);
  }
}

async function installOperator(kubectl: Kubectl, image: string): Promise<void> {
  const { namespaces, definitions, objects } = installation(image);
  await kubectl.apply(namespaces);
  await kubectl.apply(definitions);
  await kubectl.run([
    'wait',
    '--for=condition=Established',
    'crd/ordercachepolicies.ordercache.io',
    '--timeout=30s',
  ]);
  await kubectl.apply(objects.map(rolledByBuild));
}

/** The image has the same name in every build: a pod that runs an earlier one must go. */
function rolledByBuild(object: KubeObject): KubeObject {
  if (object.kind !== 'Deployment') return object;
  const { spec } = object as KubeObject & { spec: { template: { metadata?: object } } };
  const annotations = { 'order-cache-demo/build': contentHash(['dist/image']) };
  const template = { ...spec.template, metadata: { ...spec.template.metadata, annotations } };
  return { ...object, spec: { ...spec, template } };
}

async function installServers(cluster: Cluster, kubectl: Kubectl): Promise<void> {
  const manifests = serverManifests({
    namespace: NAMESPACE,
    images: await cluster.serverImages(),
    seed: await passwordSeed(kubectl),
    keyPrefix: readersSettings().keyPrefix,
  });
  await kubectl.apply(marked(manifests));
  await Promise.all(
    ['rabbitmq', 'redis', 'postgres'].map((name) => rolledOut(kubectl, NAMESPACE, `deployment/${name}`)),
  );
}

/** Passwords are made once for a cluster and kept there, so that a second run changes nothing. */
async function passwordSeed(kubectl: Kubectl): Promise<string> {
  const read = [
    'get',
    'secret',
    SEED_SECRET.name,
    '-n',
    NAMESPACE,
    '-o',
    `jsonpath={.data.${SEED_SECRET.key}}`,
  ];
  const kept = await kubectl.run(read).catch(() => '');
  return kept === '' ? randomBytes(24).toString('hex') : Buffer.from(kept, 'base64').toString();
}

async function rolledOut(kubectl: Kubectl, namespace: string, workload: string): Promise<void> {
  const status = ['rollout', 'status', workload, '-n', namespace, '--timeout=180s'];
  try {
    await kubectl.run(status, { timeoutSeconds: 190 });
  } catch (error) {
    const waiting = await kubectl.run(['get', 'pods', '-n', namespace, '-o', WAITING]).catch(() => '');
    throw new Error(`${workload} did not become ready; its namespace's pods:\n${waiting}`, { cause: error });
  }
}

/** Each pod with what its containers wait for, such as an image that cannot be pulled. */
const WAITING =
  'jsonpath={range .items[*]}{.metadata.name} {.status.phase} {.status.containerStatuses[*].state.waiting.message}{"\\n"}{end}';

function trafficProgram(): string {
  const { outputFiles } = buildSync({
    entryPoints: ['demo/traffic/main.ts'],
    bundle: true,
    minify: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['pg-native'],
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
  });
  return outputFiles[0]?.text ?? '';
}
