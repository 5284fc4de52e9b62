import type { WorkerPod } from './kubectl.ts';
import { during, say } from './narrator.ts';
import { expect, type Findings } from './probes.ts';
import type { Settings } from './traffic/settings.ts';
import { BACKLOG, crmSettings, mesSettings, NAMESPACE, quiet } from './workload.ts';
import type { World } from './world.ts';

/** Of a process that SIGKILL ended. */
const KILLED = 137;

/**
 * A backlog is there before one worker alone begins, so that the operator sees what a worker does in a second that has
 * all the work it can take. Before it has seen that, it reckons with 1,000 events.
 */
export async function learnWorkerRate(world: World): Promise<void> {
  const { scaling } = (await world.policy()).spec as { scaling: { maxReplicas: number } };
  await world.patchPolicy({ scaling: { mode: 'Manual', replicas: 0 } });
  await world.kubectl.until('no worker', 300, async () => (await world.workerPods()).length === 0);
  const run = async (name: 'mes' | 'crm', settings: Settings) => {
    await world.pods.start({ name, command: 'initiator', identity: name, settings });
    await world.pods.waitForEnd(name, 300);
  };
  await during('MES and CRM change orders while there is no worker', async () => {
    await Promise.all([run('mes', quiet(mesSettings(BACKLOG))), run('crm', crmSettings(BACKLOG))]);
  });
  await world.patchPolicy({ scaling: { mode: 'Auto', replicas: null, maxReplicas: 1 } });
  let rate: number | undefined;
  await during('one worker alone takes what has come together', async () => {
    await world.kubectl
      .until('status.workerEventsPerSecond', 120, async () => {
        rate = (await world.policy()).status?.workerEventsPerSecond;
        return rate !== undefined;
      })
      .catch(() => undefined);
    await world.settled(300);
  });
  if (rate === undefined) say('the operator has learned nothing: the worker was never short of time');
  else say(`the operator has learned what one worker does: ${rate} events/s`);
  await world.patchPolicy({ scaling: { maxReplicas: scaling.maxReplicas } });
  await world.policyReady(300);
}

/** SIGKILL for the worker that holds most messages. Where nodes cannot be reached it is asked to end, for one second. */
export async function killBusyWorker(world: World, findings: Findings): Promise<void> {
  const victim = await busiestWorker(world);
  if (victim === undefined) {
    findings.failures.push('no worker held a message for 60 s: none was killed');
    return;
  }
  const { pod, inFlight } = victim;
  const { name } = pod.metadata;
  const [status] = pod.status.containerStatuses ?? [];
  findings.heldAtKill = inFlight;
  say(`${name} holds ${inFlight} messages; the queue has ${world.unacknowledgedMessages} unacknowledged`);
  if (world.killContainer === undefined || status?.containerID === undefined) {
    await world.kubectl.run(['delete', 'pod', name, '-n', NAMESPACE, '--grace-period=1']);
    say(`${name} is deleted with a grace period of one second: this cluster's nodes cannot be reached`);
    return;
  }
  await world.killContainer(status.containerID);
  const hit = await world.kubectl
    .until(`${name} is killed`, 120, async () => {
      const [now] = (await podNamed(world, name))?.status.containerStatuses ?? [];
      return now?.restartCount !== status.restartCount && now?.lastState.terminated?.exitCode === KILLED;
    })
    .then(
      () => true,
      () => false,
    );
  if (hit) say(`${name} was ended by SIGKILL (exit code ${KILLED}), and starts again`);
  expect(findings, hit, `the kill of ${name} did not hit: it did not end with exit code ${KILLED}`);
}

/** When the queue itself has unacknowledged messages too. Undefined after 60 s without. */
async function busiestWorker(world: World): Promise<{ pod: WorkerPod; inFlight: number } | undefined> {
  let busiest: { pod: WorkerPod; inFlight: number } | undefined;
  const look = async () => {
    const pods = await world.workerPods();
    const looks = pods.map(async (pod) => ({ pod, inFlight: (await world.workerReport(pod)).inFlight }));
    const seen = await Promise.allSettled(looks);
    const found = seen.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    busiest = found.sort((a, b) => b.inFlight - a.inFlight)[0];
    return busiest !== undefined && busiest.inFlight > 0 && world.unacknowledgedMessages > 0;
  };
  return world.kubectl.until('a worker holds messages', 60, look).then(
    () => busiest,
    () => undefined,
  );
}

async function podNamed(world: World, name: string): Promise<WorkerPod | undefined> {
  return (await world.workerPods()).find(({ metadata }) => metadata.name === name);
}
