import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from './kubectl.ts';
import { act, during, say } from './narrator.ts';
import type { Audit, Line } from './traffic/lines.ts';
import {
  crmSettings,
  mesSettings,
  NAMESPACE,
  POLICY,
  QUIET_HOUR,
  readersSettings,
  WORKING_DAY,
} from './workload.ts';
import type { World } from './world.ts';

/** What the acts found out, for the report. */
export interface Findings {
  readonly audits: { when: string; audit: Audit }[];
  readonly deadLetters: { messageId: string; reason: string }[];
  readonly failures: string[];
}

export async function changeOrdersUnderFaults(world: World, findings: Findings): Promise<void> {
  act(4, 'MES and CRM change orders, readers read, workers follow');
  await warmCache(world);
  world.observe();
  await world.pods.start({
    name: 'queue',
    command: 'queue',
    identity: 'auditor',
    settings: readersSettings(),
  });
  await world.pods.start({
    name: 'readers',
    command: 'readers',
    identity: 'readers',
    settings: readersSettings(),
  });
  const mes = {
    name: 'mes',
    command: 'initiator',
    identity: 'mes',
    settings: mesSettings(WORKING_DAY),
  } as const;
  const crm = {
    name: 'crm',
    command: 'initiator',
    identity: 'crm',
    settings: crmSettings(WORKING_DAY),
  } as const;
  await Promise.all([world.pods.start(mes), world.pods.start(crm)]);
  say("MES and CRM publish 52,000 changes: calm, a rush, calm again; CRM's clock is 45 s slow");
  await sleep(22_000);
  await killThings(world, findings);
  await during('the initiators finish', async () => {
    await world.pods.waitForEnd('mes', 240);
    await world.pods.waitForEnd('crm', 240);
  });
  await during('every message gets its outcome', () => world.settled(180));
  await showScaling(world, findings);
  await listDeadLetters(world, findings);
  await compare(world, findings, 'after the rush, the Redis outage and the killed worker');
}

async function warmCache(world: World): Promise<void> {
  const settings = readersSettings();
  await world.pods.run({ name: 'warm', command: 'warm', identity: 'readers', settings }, 90);
  say(
    `${settings.orders} orders in PostgreSQL; ${settings.hotOrders} of them read by customers, and so cached`,
  );
}

async function killThings(world: World, findings: Findings): Promise<void> {
  act(6, 'Halfway: Redis is gone for ten seconds, a worker is killed');
  const before = await redisRunId(world);
  await world.kubectl.run(['scale', 'deployment/redis', '--replicas=0', '-n', NAMESPACE]);
  await world.kubectl.run([
    'delete',
    'pod',
    '-l',
    'app.kubernetes.io/name=redis',
    '-n',
    NAMESPACE,
    '--grace-period=0',
    '--force',
  ]);
  say(`Redis with run id ${before.slice(0, 8)} is gone`);
  await sleep(10_000);
  await world.kubectl.run(['scale', 'deployment/redis', '--replicas=1', '-n', NAMESPACE]);
  await world.kubectl.run(['rollout', 'status', 'deployment/redis', '-n', NAMESPACE, '--timeout=60s']);
  const after = await redisRunId(world);
  say(`Redis is back, empty, with run id ${after.slice(0, 8)}`);
  expect(findings, before !== after, 'the kill of Redis did not hit: same run id');
  await killWorker(world, findings);
}

async function killWorker(world: World, findings: Findings): Promise<void> {
  const [victim] = await world.workerPods();
  if (victim === undefined) {
    findings.failures.push('no worker pod to kill');
    return;
  }
  const { name, uid } = victim.metadata;
  await world.kubectl.run(['delete', 'pod', name, '-n', NAMESPACE, '--grace-period=0', '--force']);
  const left = (await world.workerPods()).map((pod) => pod.metadata.uid);
  say(`worker ${name} with UID ${uid?.slice(0, 8)} is killed`);
  expect(findings, !left.includes(uid), `the kill of ${name} did not hit: its UID is still there`);
}

async function showScaling(world: World, findings: Findings): Promise<void> {
  await during('back to one replica', () =>
    world.kubectl.until('one replica', 180, async () => world.currentReplicas === 1).catch(() => undefined),
  );
  await sleep(1000);
  const steps = world.replicas.steps.filter((replicas) => replicas > 0);
  say(`replicas: ${steps.join(', ')}`);
  for (const message of await scalingEvents(world)) say(message);
  const scaled = world.replicas.highest >= 3 && steps.at(-1) === 1;
  expect(findings, scaled, `expected replicas 1, then 3 or more, then 1; saw ${steps.join(', ')}`);
}

async function scalingEvents(world: World): Promise<string[]> {
  const { items } = await world.kubectl.json<{
    items: (KubeObject & { reason?: string; message?: string; note?: string })[];
  }>(['get', 'events', '-n', NAMESPACE, '--sort-by=.metadata.creationTimestamp']);
  return items.filter(({ reason }) => reason === 'Scaled').map(({ message, note }) => message ?? note ?? '');
}

export async function changePolicy(world: World, findings: Findings): Promise<void> {
  act(7, 'The policy is edited, deleted and applied again');
  await editTtl(world, findings);
  await switchToReadThrough(world, findings);
  await retainAndAdopt(world, findings);
}

async function editTtl(world: World, findings: Findings): Promise<void> {
  const { spec } = await world.policy();
  const ttl = spec.ttl as { statuses: { status: string; seconds: number }[] };
  const statuses = [
    ...ttl.statuses.filter(({ status }) => status !== 'SHIPPED'),
    { status: 'SHIPPED', seconds: 120 },
  ];
  await world.patchPolicy({ ttl: { statuses } });
  await world.policyReady(60);
  say('kubectl patch: records of SHIPPED orders now live 120 s (before: 3600 s)');
  await sleep(6000);
  await quietHour(world);
  const audit = await compare(world, findings, 'after the TTL edit');
  const shipped = audit.ttl.SHIPPED;
  say(`SHIPPED records: the shortest lives ${Math.round(shipped?.shortest ?? -1)} s more`);
  expect(
    findings,
    shipped !== undefined && shipped.shortest <= 120,
    'the edited TTL did not reach new records',
  );
}

async function switchToReadThrough(world: World, findings: Findings): Promise<void> {
  await world.pods.remove('readers');
  const before = await compare(world, findings, 'before the switch to ReadThrough');
  await world.patchPolicy({ strategy: 'ReadThrough' });
  await during('workers roll over to ReadThrough', () => world.policyReady(120));
  await quietHour(world);
  const after = await compare(world, findings, 'after events in ReadThrough');
  say(`cached records: ${before.records}, after the events ${after.records}: they were dropped, not written`);
  const invalidated = world.ledger.summary(new Set()).outcomes.invalidated ?? 0;
  expect(findings, after.records < before.records && invalidated > 0, 'ReadThrough dropped no record');
}

async function retainAndAdopt(world: World, findings: Findings): Promise<void> {
  const manifest = await world.kubectl.json<KubeObject>(['get', 'ocp', POLICY, '-n', NAMESPACE]);
  await deletePolicy(world);
  say('policy deleted with deletionPolicy Retain: no worker runs, the queue goes on collecting');
  await world.kubectl.until('no worker pod', 60, async () => (await world.workerPods()).length === 0);
  await quietHour(world, false);
  const waiting = world.ledger.open;
  await world.kubectl.until('the queue holds the events', 30, async () => world.readyMessages >= waiting);
  say(`${world.readyMessages} messages wait in ${readersSettings().queue}`);
  expect(findings, waiting > 0, 'no message waited in the retained queue');
  await world.kubectl.apply([asApplied(manifest)]);
  await during('the policy adopts its queue', () => world.policyReady(120));
  await during('its messages are processed', () => world.settled(120));
  await compare(world, findings, 'after the policy adopted its queue');
}

export async function deleteEverything(world: World, findings: Findings): Promise<KubeObject> {
  const manifest = await world.kubectl.json<KubeObject>(['get', 'ocp', POLICY, '-n', NAMESPACE]);
  const settings = readersSettings();
  await world.pods.run({ name: 'purge', command: 'purge-dead-letters', identity: 'auditor', settings }, 60);
  say('the dead letters were looked at; now they are purged, since Delete keeps queues that hold messages');
  await world.patchPolicy({ deletionPolicy: 'Delete' });
  await deletePolicy(world);
  const lines = await world.pods.run(
    { name: 'leftovers', command: 'leftovers', identity: 'auditor', settings },
    60,
  );
  const left = only(lines, 'leftovers');
  const owned = await world.kubectl.run([
    'get',
    'deployments,configmaps,serviceaccounts,poddisruptionbudgets,pods',
    '-n',
    NAMESPACE,
    '-l',
    'ordercache.io/policy',
    '-o',
    'name',
  ]);
  say(`after deletionPolicy Delete: Kubernetes [${owned.trim()}], queues [${left.queues.join(', ')}],`);
  say(`exchanges [${left.exchanges.join(', ')}] (never deleted), Redis keys [${left.redisKeys.join(', ')}]`);
  const ours = [
    ...left.queues,
    ...left.redisKeys,
    ...left.exchanges.filter((name) => name.startsWith('ordercache')),
  ];
  expect(findings, owned.trim() === '' && ours.length === 0, `left behind: ${owned} ${ours.join(', ')}`);
  return asApplied(manifest);
}

async function deletePolicy(world: World): Promise<void> {
  await during('the policy is deleted', () =>
    world.kubectl
      .run(['delete', 'ocp', POLICY, '-n', NAMESPACE, '--timeout=120s'], { timeoutSeconds: 130 })
      .then(() => {}),
  );
}

async function quietHour(world: World, waitForOutcome = true): Promise<void> {
  await Promise.all([
    world.pods.start({
      name: 'mes',
      command: 'initiator',
      identity: 'mes',
      settings: quiet(mesSettings(QUIET_HOUR)),
    }),
    world.pods.start({
      name: 'crm',
      command: 'initiator',
      identity: 'crm',
      settings: crmSettings(QUIET_HOUR),
    }),
  ]);
  await world.pods.waitForEnd('mes', 90);
  await world.pods.waitForEnd('crm', 90);
  await sleep(1500);
  if (waitForOutcome) await world.settled(90);
}

function quiet(settings: ReturnType<typeof mesSettings>): ReturnType<typeof mesSettings> {
  const { initiator } = settings;
  return initiator === undefined ? settings : { ...settings, initiator: { ...initiator, malformed: false } };
}

async function redisRunId(world: World): Promise<string> {
  const pod = {
    name: 'redis-id',
    command: 'redis-id',
    identity: 'auditor',
    settings: readersSettings(),
  } as const;
  return only(await world.pods.run(pod, 60), 'redis').runId;
}

async function listDeadLetters(world: World, findings: Findings): Promise<void> {
  const pod = {
    name: 'dead-letters',
    command: 'dead-letters',
    identity: 'auditor',
    settings: readersSettings(),
  } as const;
  findings.deadLetters.push(...only(await world.pods.run(pod, 60), 'dead-letters').letters);
}

async function compare(world: World, findings: Findings, when: string): Promise<Audit> {
  const pod = { name: 'audit', command: 'audit', identity: 'auditor', settings: readersSettings() } as const;
  const audit = only(await world.pods.run(pod, 90), 'audit');
  say(`${when}: ${audit.records} cached records compared with their rows, ${audit.stale.length} stale`);
  findings.audits.push({ when, audit });
  return audit;
}

function only<K extends Line['kind']>(lines: readonly Line[], kind: K): Extract<Line, { kind: K }> {
  const found = lines.find((line): line is Extract<Line, { kind: K }> => line.kind === kind);
  if (found === undefined) throw new Error(`expected a line of kind ${kind} in the pod's log`);
  return found;
}

function asApplied(manifest: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, spec } = manifest as KubeObject & { spec: unknown };
  return { apiVersion, kind, metadata: { name: metadata.name, ...namespaceOf(metadata) }, spec };
}

function namespaceOf(metadata: KubeObject['metadata']): { namespace?: string } {
  return metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
}

function expect(findings: Findings, held: boolean, otherwise: string): void {
  if (!held) findings.failures.push(otherwise);
}
