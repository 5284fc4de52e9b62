/**
 * The cluster of tests and demo by hand.
 *
 *   node test/cluster/cluster.ts up | up-for-tests | down | status | kubeconfig | load-image <docker-archive>
 *
 * `up-for-tests` builds Helm and actionlint too, which only tests need. CONTEXT=name uses a cluster of yours instead.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureActionlint } from './binaries.ts';
import { chooseKind } from './cluster-kind.ts';
import { componentsRunning, daemonStates } from './components.ts';
import { ensureCluster, ensureHelm, removeCluster } from './index.ts';
import { inState, kubeconfigPath } from './layout.ts';
import { say } from './progress.ts';

async function up(): Promise<void> {
  const cluster = await ensureCluster();
  say(`the cluster (${cluster.kind}) is up`);
  console.log(`export KUBECONFIG=${cluster.kubeconfig}\nexport PATH=${resolve(cluster.kubectl, '..')}:$PATH`);
}

async function upForTests(): Promise<void> {
  await ensureCluster();
  await ensureHelm();
  await ensureActionlint();
}

/** Exit code 0 only when the cluster is up. */
async function status(): Promise<void> {
  const kind = await chooseKind();
  if (kind !== 'components') return up();
  for (const [name, pid] of daemonStates()) console.log(`${name.padEnd(24)} ${pid ?? 'not running'}`);
  console.log(
    `kubeconfig ${existsSync(kubeconfigPath) ? kubeconfigPath : 'none yet'}\nlogs       ${inState('logs')}`,
  );
  process.exitCode = (await componentsRunning()) ? 0 : 1;
  console.log(process.exitCode === 0 ? 'up' : 'not up');
}

async function loadImage(archive: string | undefined): Promise<void> {
  if (archive === undefined) throw new Error('load-image: the path of a docker-archive is missing');
  await (await ensureCluster()).loadImage(resolve(archive));
}

const [command, argument] = process.argv.slice(2);
const commands: Readonly<Record<string, () => Promise<void>>> = {
  up,
  'up-for-tests': upForTests,
  down: removeCluster,
  status,
  kubeconfig: async () => console.log((await ensureCluster()).kubeconfig),
  'load-image': () => loadImage(argument),
};

const chosen = commands[command ?? ''];
if (chosen === undefined) {
  console.error(`expected one of ${Object.keys(commands).join(', ')}; got ${command ?? 'nothing'}`);
  process.exitCode = 2;
} else {
  await chosen().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
