/**
 * `make demo`: the main job on a real cluster. Exit code 0 only if no record is stale, no event is unaccounted for and
 * everything that was to be shown was seen.
 */
import { act, say } from './narrator.ts';
import { changePolicy, deleteEverything } from './policy-changes.ts';
import type { Findings } from './probes.ts';
import { report } from './report.ts';
import { changeOrdersUnderFaults } from './rush.ts';
import { applyPolicy, findCluster, install, provideImage } from './stage.ts';
import { NAMESPACE, POLICY } from './workload.ts';

const findings: Findings = { audits: [], deadLetters: [], failures: [], dayBegan: 0, heldAtKill: 0 };
const { cluster, kubectl, refused } = await findCluster();
if (refused !== undefined) {
  console.error(refused);
  process.exit(1);
}
const image = await provideImage(cluster);
const world = await install(cluster, kubectl, image);
const from = Date.now();
await changeOrdersUnderFaults(world, findings);
const to = Date.now();
await changePolicy(world, findings);
await deleteEverything(world, findings);
await world.stopObserving();
act(8, 'What happened');
const allWell = report(world, findings, { from, to });
await applyPolicy(world);

const [settings, clean] =
  cluster.kind === 'context'
    ? [`--context ${process.env.CONTEXT}`, `make clean CONTEXT=${process.env.CONTEXT}`]
    : [`--kubeconfig ${cluster.kubeconfig}`, 'make clean'];
say(`The cluster stays up. Try:
  alias k='${cluster.kubectl} ${settings} -n ${NAMESPACE}'
  k get ocp -w
  k edit ocp ${POLICY}
  k describe ocp ${POLICY}
${clean} takes all of it away.`);
process.exit(allWell ? 0 : 1);
