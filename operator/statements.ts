import { CONDITION_REASONS, type Condition } from '../api/conditions.ts';
import type { OrderCachePolicy, OrderCachePolicyStatus } from '../api/policy.ts';
import { maintenanceTemplate } from './desired-maintenance.ts';
import { type WorkerInstallation, workerTemplate } from './desired-pod.ts';
import type { Memory } from './memory.ts';
import type { Situation } from './situation.ts';

/** The part of a policy that a condition is about, beside what the hash of the workers' configuration covers. */
const ABOUT = {
  TopologyReady: ({ spec }) => spec.rabbitmq,
  CacheReady: ({ spec }) => [spec.ttl, spec.redis, spec.database],
  WorkersReady: (policy, installation) => workerTemplate(policy, installation, ''),
  MaintenanceReady: (policy, installation) => maintenanceTemplate(policy, installation, '', undefined),
} as const satisfies Record<string, (policy: OrderCachePolicy, installation: WorkerInstallation) => unknown>;

export type StatedType = keyof typeof ABOUT;
const TYPES = Object.keys(ABOUT) as readonly StatedType[];

type Statement = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What was said of a policy when it was last looked at, by type of condition. */
export type Statements = ReadonlyMap<string, Statement>;

/** A statement, and what it was about. */
export interface Stated {
  readonly about: string;
  readonly statement: Statement;
}

interface View {
  readonly policy: OrderCachePolicy;
  readonly memory: Memory;
}

/**
 * What was said earlier and still is about what the policy declares: an edit of another part leaves a statement
 * standing. The first time in a process that is what the status says to be true of this generation.
 */
export function standingStatements(installation: WorkerInstallation, { policy, memory }: View): Statements {
  memory.statements ??= new Map(
    TYPES.flatMap((type) => {
      const statement = statementIn(policy.status, type, policy.metadata.generation);
      const isTrue = statement?.status === 'True';
      return isTrue ? [[type, { about: aboutOf(type, policy, installation), statement }]] : [];
    }),
  );
  const standing = [...memory.statements].filter(
    ([type, { about }]) => about === aboutOf(type, policy, installation),
  );
  return new Map(standing.map(([type, { statement }]) => [type, statement]));
}

/** Keeps what the status says of that which this pass has looked at. */
export function keepStatements(
  installation: WorkerInstallation,
  { policy, memory }: View,
  { topology, ttl, applied }: Situation,
  status: OrderCachePolicyStatus,
): void {
  const isSeen = {
    TopologyReady: topology !== undefined,
    CacheReady: ttl !== undefined,
    WorkersReady: applied !== 'Nothing',
    MaintenanceReady: applied === 'Everything',
  };
  for (const type of TYPES.filter((one) => isSeen[one])) {
    const statement = statementIn(status, type, policy.metadata.generation);
    if (statement) memory.statements?.set(type, { about: aboutOf(type, policy, installation), statement });
  }
}

function statementIn(
  status: OrderCachePolicyStatus | undefined,
  type: StatedType,
  generation: number,
): Statement | undefined {
  const said = status?.conditions?.find((condition) => condition.type === type);
  const reason = CONDITION_REASONS.find((known) => known === said?.reason);
  if (said?.observedGeneration !== generation || reason === undefined) return undefined;
  return { status: said.status, reason, message: said.message };
}

function aboutOf(type: StatedType, policy: OrderCachePolicy, installation: WorkerInstallation): string {
  return JSON.stringify(ABOUT[type](policy, installation));
}
