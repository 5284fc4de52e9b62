import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownerOf, ttlTableKey } from '../../api/names.ts';
import { decodeTtlTable, type TtlTable } from '../../cache/ttl-table.ts';
import { claimOwners } from '../../operator/claim-owners.ts';
import { type Clock, systemClock } from '../../operator/clock.ts';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import type { Session } from '../../operator/kubernetes-session.ts';
import type { Operator } from '../../operator/operator.ts';
import { createTopology } from '../../operator/topology.ts';
import { createTtlPublisher } from '../../operator/ttl-publisher.ts';
import { type DeletionStage, roleBindingPath } from './deletion-stage.ts';
import { quietOutside } from './operator-outside.ts';
import {
  applySecrets,
  condition,
  eventually,
  existing,
  path,
  policy,
  policyPath,
  type Scene,
} from './operator-scene.ts';

/** What is deleted, in this order. */
export type Deleted = 'policy' | 'redis' | 'rabbitmq-admin' | 'rolebinding' | 'namespace';

export interface DeletionRow {
  readonly order: readonly Deleted[];
  /** Between two of them: none, or longer than a Secret that was read is used. */
  readonly wait: 'None' | 'LongerThanSecretCache';
  readonly deletionPolicy: 'Retain' | 'Delete';
  /** The operator is stopped before the nth of them, and another started after it. */
  readonly restartAt?: number;
  /** Somebody consumes the queue until so many milliseconds after the last deletion. */
  readonly consumerStaysMs?: number;
}

export const NAME = 'orders';
const CACHE_MS = 30_000;

export function rowName({ order, wait, deletionPolicy, restartAt, consumerStaysMs }: DeletionRow): string {
  const pauses = wait === 'None' ? 'at once' : 'half a minute apart';
  const restart = restartAt === undefined ? '' : `, operator restarted at ${restartAt + 1}`;
  const consumer = consumerStaysMs === undefined ? '' : ', a worker still consuming';
  return `${order.join(', ')} ${pauses}, ${deletionPolicy}${restart}${consumer}`;
}

/** What stands in Redis and at the broker when the policy is gone. */
export interface Outcome {
  readonly scene: Scene;
  readonly keyPrefix: string;
  readonly queue: string;
  readonly owner: string;
  readonly table: TtlTable | null;
  readonly queues: readonly string[];
}

/** Makes a policy that is Ready, deletes as the row says, and waits until the policy is gone. */
export async function playRow(stage: DeletionStage, row: DeletionRow): Promise<Outcome> {
  const scene = await stage.openNamespace();
  const { namespace } = scene;
  const keyPrefix = `${stage.cache.keyPrefix}${namespace}:`;
  const queue = `ordercache.${namespace}`;
  await applySecrets(scene, secretsOf(stage));
  const clock = shiftedClock();
  let watched = await startOperator(stage, scene, clock);
  await scene.apply(policyPath(namespace, NAME), rowPolicy(scene, keyPrefix, queue, row.deletionPolicy));
  await untilReady(scene);
  const consumer = row.consumerStaysMs === undefined ? undefined : await consume(stage, queue);

  for (const [index, deleted] of row.order.entries()) {
    if (index > 0 && row.wait === 'LongerThanSecretCache')
      await lookAgain(scene, clock, watched.secretReads, isBlind(row, index));
    if (row.restartAt === index) await watched.operator.stop();
    await scene.delete(pathOfDeleted(scene, deleted));
    if (row.restartAt === index) watched = await startOperator(stage, scene, clock);
  }
  if (consumer) {
    await sleep(row.consumerStaysMs);
    await consumer();
  }
  await eventually(
    'the policy is gone',
    async () => assert.equal(await scene.get(policyPath(namespace, NAME)), undefined),
    120,
  );
  await watched.operator.stop();
  const list = (await stage.rabbitmq.management('GET', `queues/${stage.rabbitmq.vhost}`)) as {
    name: string;
  }[];
  return {
    scene,
    keyPrefix,
    queue,
    owner: ownerOf(stage.installation, { namespace, name: NAME }),
    table: decodeTtlTable((await stage.redis.get(ttlTableKey(keyPrefix))) ?? ''),
    queues: list.map(({ name }) => name).filter((name) => name.startsWith(queue)),
  };
}

/** A policy of another namespace that lays claim to what the row's policy had, until it is Ready. */
export async function takeOver(
  stage: DeletionStage,
  { keyPrefix, queue }: Pick<Outcome, 'keyPrefix' | 'queue'>,
): Promise<Heir> {
  const scene = await stage.openNamespace();
  await applySecrets(scene, secretsOf(stage));
  const { operator } = await startOperator(stage, scene, systemClock);
  const at = policyPath(scene.namespace, NAME);
  await scene.apply(at, rowPolicy(scene, keyPrefix, queue, 'Retain'));
  await untilReady(scene);
  const { metadata } = await existing(scene, at);
  const table = decodeTtlTable((await stage.redis.get(ttlTableKey(keyPrefix))) ?? '');
  const { items } = (await existing(scene, path(scene.namespace, 'events', ''))) as unknown as {
    items: { reason: string; note: string }[];
  };
  const notesOf = (reason: string) => items.filter((one) => one.reason === reason).map(({ note }) => note);
  await operator.stop();
  return {
    scene,
    uid: String(metadata.uid),
    table,
    prefixNotes: notesOf('KeyPrefixTakenOver'),
    queueNotes: notesOf('TopologyAdopted'),
  };
}

export interface Heir {
  readonly scene: Scene;
  readonly uid: string;
  readonly table: TtlTable | null;
  readonly prefixNotes: readonly string[];
  readonly queueNotes: readonly string[];
}

function rowPolicy(scene: Scene, keyPrefix: string, queue: string, deletionPolicy: string) {
  const { rabbitmq } = policy(scene.namespace, NAME).spec as { rabbitmq: object };
  return policy(scene.namespace, NAME, {
    deletionPolicy,
    rabbitmq: {
      ...rabbitmq,
      exchanges: [{ name: 'mes', managementPolicy: 'Declare' }],
      queue: { name: queue },
    },
    redis: { connectionSecretRef: { name: 'redis' }, keyPrefix },
  });
}

export function secretsOf({ rabbitmq: { amqpUri, managementUri }, cache }: DeletionStage) {
  return {
    rabbitmq: { uri: amqpUri },
    'rabbitmq-admin': { uri: amqpUri, managementUri },
    redis: { uri: cache.uri },
  };
}

export async function untilReady(scene: Scene, name = NAME, seconds = 60): Promise<void> {
  await eventually(
    `${name} is Ready`,
    async () => {
      const ready = condition(await existing(scene, policyPath(scene.namespace, name)), 'Ready');
      assert.equal(ready?.reason, 'Ready', `${ready?.reason}: ${ready?.message}`);
    },
    seconds,
  );
}

interface WatchedOperator {
  readonly operator: Operator;
  readonly secretReads: () => number;
}

async function startOperator(stage: DeletionStage, scene: Scene, clock: Clock): Promise<WatchedOperator> {
  let reads = 0;
  const session: Session = {
    ...stage.session,
    send: (call) => {
      if (call.path.includes('/secrets/')) reads += 1;
      return stage.session.send(call);
    },
  };
  const client = new KubernetesClient(session, () => undefined);
  const { installation } = stage;
  const owners = claimOwners(client, installation);
  const operator = await scene.operator({
    client,
    clock,
    outside: ({ onDrift }) => ({
      topology: createTopology({ installation, mayWrite: () => {}, owners }),
      ttl: createTtlPublisher({ installation, mayWrite: () => {}, onDrift, owners }),
      sampler: quietOutside().sampler,
    }),
  });
  return { operator, secretReads: () => reads };
}

interface ShiftedClock extends Clock {
  shift(ms: number): void;
}

/** The system's, put forward by hand; timers run as ever. */
function shiftedClock(): ShiftedClock {
  let by = 0;
  return {
    now: () => systemClock.now() + by,
    monotonic: () => systemClock.monotonic() + by,
    after: systemClock.after,
    shift: (ms) => {
      by += ms;
    },
  };
}

/** An operator that was started after its RoleBinding had gone does not look at the policy. */
function isBlind({ order, restartAt }: DeletionRow, index: number): boolean {
  if (restartAt === undefined || restartAt >= index) return false;
  return order
    .slice(0, restartAt + 1)
    .some((deleted) => deleted === 'rolebinding' || deleted === 'namespace');
}

/** What the operator has read of Secrets is old; it looks at the policy, if that is there, and reads them again. */
async function lookAgain(
  scene: Scene,
  clock: ShiftedClock,
  secretReads: () => number,
  isOperatorBlind: boolean,
): Promise<void> {
  clock.shift(CACHE_MS);
  const before = secretReads();
  const at = policyPath(scene.namespace, NAME);
  const annotations = { 'example.com/looked-at': `${clock.now()}` };
  if ((await scene.get(at)) === undefined) return;
  await scene.patch(at, { metadata: { annotations } }).catch(() => undefined);
  if (isOperatorBlind) return;
  await eventually('the Secrets are read again', async () => {
    if ((await scene.get(at)) !== undefined) assert.ok(secretReads() > before);
  });
  // A pass that has read them ends with what it does about them.
  await sleep(200);
}

function pathOfDeleted(scene: Scene, deleted: Deleted): string {
  switch (deleted) {
    case 'policy':
      return policyPath(scene.namespace, NAME);
    case 'rolebinding':
      return roleBindingPath(scene);
    case 'namespace':
      return `/api/v1/namespaces/${scene.namespace}`;
    case 'redis':
    case 'rabbitmq-admin':
      return path(scene.namespace, 'secrets', deleted);
  }
}

async function consume({ rabbitmq }: DeletionStage, queue: string): Promise<() => Promise<void>> {
  const connection = await rabbitmq.connect();
  const channel = await connection.createChannel();
  await channel.consume(queue, (message) => message && channel.ack(message));
  return async () => connection.close();
}

/** Every order of some of these, and of all. */
export function ordersOf<T>(items: readonly T[]): readonly (readonly T[])[] {
  const longer = items.flatMap((first) =>
    ordersOf(items.filter((one) => one !== first)).map((rest) => [first, ...rest]),
  );
  return [[], ...longer];
}

/** With the namespace goes the rest; without it, all four are deleted. */
export function allOrders(): readonly (readonly Deleted[])[] {
  const orders = ordersOf<Deleted>(['policy', 'redis', 'rabbitmq-admin', 'rolebinding']);
  return [
    ...orders.filter(({ length }) => length === 4),
    ...orders.map((order) => [...order, 'namespace' as const]),
  ];
}
