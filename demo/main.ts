/**
 * `make demo`: the main job on a real cluster. Exit code 0 only if no record is stale, no event is unaccounted for and
 * everything that was to be shown was seen.
 */
import { act, say } from './narrator.ts';
import { changePolicy, deleteEverything } from './policy-changes.ts';
import type { Findings } from './probes.ts';
import { report } from './report.ts';
import { changeOrdersUnderFaults } from './rush.ts';
import { applyPolicy, install, prepare } from './stage.ts';
import { NAMESPACE, POLICY } from './workload.ts';

const findings: Findings = { audits: [], deadLetters: [], failures: [] };
const { cluster, image, kubectl } = await prepare();
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

const settings =
  cluster.kind === 'context' ? `--context ${process.env.CONTEXT}` : `--kubeconfig ${cluster.kubeconfig}`;
say(`The cluster stays up. Try:
  alias k='${cluster.kubectl} ${settings} -n ${NAMESPACE}'
  k get ocp -w
  k edit ocp ${POLICY}
  k describe ocp ${POLICY}
make clean takes all of it away.`);
process.exit(allWell ? 0 : 1);
