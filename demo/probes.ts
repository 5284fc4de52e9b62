import type { KubeObject } from './kubectl.ts';
import { say } from './narrator.ts';
import type { Audit, Line } from './traffic/lines.ts';
import { NAMESPACE, readersSettings } from './workload.ts';
import type { World } from './world.ts';

/** What the acts found out, for the report. */
export interface Findings {
  readonly audits: { when: string; audit: Audit }[];
  readonly deadLetters: { messageId: string; reason: string }[];
  readonly failures: string[];
  /** When the working day began, in milliseconds since the epoch. */
  dayBegan: number;
  /** Messages that the killed worker had not acknowledged. */
  heldAtKill: number;
}

export function expect(findings: Findings, held: boolean, otherwise: string): void {
  if (!held) findings.failures.push(otherwise);
}

/** Reads every hot order once, as customers do, so that it is in the cache. */
export async function warmCache(world: World): Promise<void> {
  const settings = readersSettings();
  await world.pods.run({ name: 'warm', command: 'warm', identity: 'readers', settings }, 300);
  say(`${settings.hotOrders} of ${settings.orders} orders are read by customers, and so cached`);
}

export async function redisRunId(world: World): Promise<string> {
  return only(await ask(world, 'redis-id'), 'redis').runId;
}

export async function listDeadLetters(world: World, findings: Findings): Promise<void> {
  findings.deadLetters.push(...only(await ask(world, 'dead-letters'), 'dead-letters').letters);
}

export async function purgeDeadLetters(world: World): Promise<void> {
  await ask(world, 'purge-dead-letters');
}

/** What is in broker and Redis, whoever owns it. */
export async function leftovers(world: World): Promise<Extract<Line, { kind: 'leftovers' }>> {
  return only(await ask(world, 'leftovers'), 'leftovers');
}

/** Compares every cached record with its row. */
export async function compare(world: World, findings: Findings, when: string): Promise<Audit> {
  const audit = only(await ask(world, 'audit'), 'audit');
  say(`${when}: ${audit.records} cached records compared with their rows, ${audit.stale.length} stale`);
  findings.audits.push({ when, audit });
  return audit;
}

/** The operator's own words, each with the numbers of the formula. */
export async function scalingEvents(world: World, since: number): Promise<string[]> {
  const list = ['get', 'events', '-n', NAMESPACE, '--sort-by=.metadata.creationTimestamp'];
  const { items } = await world.kubectl.json<{ items: ScalingEvent[] }>(list);
  const recent = items.filter(({ metadata }) => Date.parse(metadata.creationTimestamp) >= since - 1000);
  return recent.filter(({ reason }) => reason === 'Scaled').map(({ message, note }) => message ?? note ?? '');
}

interface ScalingEvent extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly creationTimestamp: string };
  readonly reason?: string;
  readonly message?: string;
  readonly note?: string;
}

async function ask(world: World, command: string): Promise<Line[]> {
  return world.pods.run({ name: command, command, identity: 'auditor', settings: readersSettings() }, 300);
}

function only<K extends Line['kind']>(lines: readonly Line[], kind: K): Extract<Line, { kind: K }> {
  const found = lines.find((line): line is Extract<Line, { kind: K }> => line.kind === kind);
  if (found === undefined) throw new Error(`expected a line of kind ${kind} in the pod's log`);
  return found;
}
