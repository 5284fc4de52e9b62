import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from './kubectl.ts';
import { act, during, say } from './narrator.ts';
import { compare, expect, type Findings, leftovers, purgeDeadLetters } from './probes.ts';
import {
  crmSettings,
  mesSettings,
  NAMESPACE,
  POLICY,
  QUIET_HOUR,
  quiet,
  readersSettings,
} from './workload.ts';
import type { World } from './world.ts';

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
  await world.policyReady(300);
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
  await during('workers roll over to ReadThrough', () => world.policyReady(300));
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
  await world.kubectl.until('no worker pod', 300, async () => (await world.workerPods()).length === 0);
  await quietHour(world, false);
  const waiting = world.ledger.open;
  await world.kubectl.until('the queue holds the events', 120, async () => world.readyMessages >= waiting);
  say(`${world.readyMessages} messages wait in ${readersSettings().queue}`);
  expect(findings, waiting > 0, 'no message waited in the retained queue');
  await world.kubectl.apply([asApplied(manifest)]);
  await during('the policy adopts its queue', () => world.policyReady(300));
  await during('its messages are processed', () => world.settled(600));
  await compare(world, findings, 'after the policy adopted its queue');
}

export async function deleteEverything(world: World, findings: Findings): Promise<KubeObject> {
  const manifest = await world.kubectl.json<KubeObject>(['get', 'ocp', POLICY, '-n', NAMESPACE]);
  await purgeDeadLetters(world);
  say('the dead letters were looked at; now they are purged, since Delete keeps queues that hold messages');
  await world.patchPolicy({ deletionPolicy: 'Delete' });
  await deletePolicy(world);
  const left = await leftovers(world);
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
  await world.pods.waitForEnd('mes', 300);
  await world.pods.waitForEnd('crm', 300);
  await sleep(1500);
  if (waitForOutcome) await world.settled(600);
}

function asApplied(manifest: KubeObject): KubeObject {
  const { apiVersion, kind, metadata, spec } = manifest as KubeObject & { spec: unknown };
  return { apiVersion, kind, metadata: { name: metadata.name, ...namespaceOf(metadata) }, spec };
}

function namespaceOf(metadata: KubeObject['metadata']): { namespace?: string } {
  return metadata.namespace === undefined ? {} : { namespace: metadata.namespace };
}
