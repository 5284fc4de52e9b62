import { setTimeout as sleep } from 'node:timers/promises';
import { act, during, say } from './narrator.ts';
import {
  compare,
  expect,
  type Findings,
  listDeadLetters,
  redisRunId,
  scalingEvents,
  warmCache,
} from './probes.ts';
import { killBusyWorker, learnWorkerRate } from './workers.ts';
import { crmSettings, mesSettings, NAMESPACE, readersSettings, WORKING_DAY } from './workload.ts';
import type { World } from './world.ts';

/** Into the rush, in milliseconds after the initiators have started. */
const HALFWAY = 22_000;

/** Acts 4 to 6: a working day, with a worker killed and Redis gone for ten seconds in the middle of the rush. */
export async function changeOrdersUnderFaults(world: World, findings: Findings): Promise<void> {
  act(4, 'MES and CRM change orders, readers read, workers follow');
  await warmCache(world);
  world.observe();
  await startObservers(world);
  await learnWorkerRate(world);
  const began = Date.now();
  findings.dayBegan = began;
  await startTraffic(world);
  await sleep(HALFWAY);
  act(5, 'Halfway: a worker is killed, then Redis is gone for ten seconds');
  await killBusyWorker(world, findings);
  await killRedis(world, findings);
  await during('the initiators finish', async () => {
    await world.pods.waitForEnd('mes', 600);
    await world.pods.waitForEnd('crm', 600);
  });
  act(6, 'Every message gets its outcome, and the workers become few again');
  await during('the queue drains', () => world.settled(600));
  say(`${world.ledger.open} messages without an outcome in a worker's log`);
  await showScaling(world, findings, began);
  await listDeadLetters(world, findings);
  await compare(world, findings, 'after the rush, the Redis outage and the killed worker');
}

async function startObservers({ pods }: World): Promise<void> {
  const settings = readersSettings();
  await pods.start({ name: 'queue', command: 'queue', identity: 'auditor', settings });
  await pods.start({ name: 'readers', command: 'readers', identity: 'readers', settings });
}

async function startTraffic({ pods }: World): Promise<void> {
  await Promise.all([
    pods.start({ name: 'mes', command: 'initiator', identity: 'mes', settings: mesSettings(WORKING_DAY) }),
    pods.start({ name: 'crm', command: 'initiator', identity: 'crm', settings: crmSettings(WORKING_DAY) }),
  ]);
  say("MES and CRM publish 52,000 changes: calm, a rush, calm again; CRM's clock is 45 s slow");
}

async function killRedis(world: World, findings: Findings): Promise<void> {
  const { kubectl } = world;
  const before = await redisRunId(world);
  const selector = ['-l', 'app.kubernetes.io/name=redis', '-n', NAMESPACE];
  await kubectl.run(['scale', 'deployment/redis', '--replicas=0', '-n', NAMESPACE]);
  await kubectl.run(['delete', 'pod', ...selector, '--grace-period=0', '--force', '--ignore-not-found']);
  say(`Redis with run id ${before.slice(0, 8)} is gone`);
  await sleep(10_000);
  await kubectl.run(['scale', 'deployment/redis', '--replicas=1', '-n', NAMESPACE]);
  await kubectl.run(['rollout', 'status', 'deployment/redis', '-n', NAMESPACE, '--timeout=180s'], {
    timeoutSeconds: 190,
  });
  const after = await redisRunId(world);
  say(`Redis is back, empty, with run id ${after.slice(0, 8)}`);
  expect(findings, before !== after, 'the kill of Redis did not hit: same run id');
  await warmCache(world);
}

async function showScaling(world: World, findings: Findings, began: number): Promise<void> {
  await during('back to one replica', () =>
    world.kubectl.until('one replica', 600, async () => world.currentReplicas === 1).catch(() => undefined),
  );
  await sleep(1000);
  const steps = world.replicas.steps.filter((replicas) => replicas > 0);
  say(`replicas: ${steps.join(', ')}`);
  for (const message of await scalingEvents(world, began)) say(message);
  const scaled = world.replicas.highest >= 3 && steps.at(-1) === 1;
  expect(findings, scaled, `expected replicas 1, then 3 or more, then 1; saw ${steps.join(', ')}`);
}
