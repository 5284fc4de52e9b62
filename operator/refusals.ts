import { KubernetesError } from './kubernetes-client.ts';
import { POLICY } from './kubernetes-objects.ts';
import { type Seen, slotOf } from './observe.ts';
import type { Refusal } from './situation.ts';
import type { World } from './world.ts';

/** What may heal is told when it came so often in a row and for so long: one conflict or timeout is not worth telling. */
const PATIENCE = { failures: 3, milliseconds: 5_000 };
const LONGEST_CAUSE = 500;

/** A write that the API server did not accept. */
export interface Refused {
  readonly refusal: Refusal;
  /** To be thrown once it is told: the pass is repeated with backoff. Undefined: somebody must change something. */
  readonly retry: KubernetesError | undefined;
}

/** Which of the objects that the operator writes. */
type Subject = 'Workers' | 'Maintenance' | 'Policy';

/** Throws the error when it is not one of the API server, or not yet worth telling. `target`: `<kind> <name>`. */
export function refusedBy(
  error: unknown,
  { clock }: World,
  { memory }: Pick<Seen, 'memory'>,
  target: string,
  subject: Subject,
): Refused {
  if (!(error instanceof KubernetesError)) throw error;
  const about = subject === 'Maintenance' ? 'MaintenanceReady' : 'WorkersReady';
  const lasting = lastingReason(error, subject);
  if (lasting !== undefined) {
    memory.failing = undefined;
    return { refusal: { about, reason: lasting, message: error.message }, retry: undefined };
  }
  const now = clock.monotonic();
  const before = memory.failing?.target === target ? memory.failing : { since: now, failures: 0 };
  memory.failing = { target, since: before.since, failures: before.failures + 1 };
  const isNew = memory.failing.failures < PATIENCE.failures || now - before.since < PATIENCE.milliseconds;
  if (isNew) throw error;
  const message = `${target} could not be written, and is tried again: ${steady(error.message)}`;
  return { refusal: { about, reason: 'ApplyFailed', message }, retry: error };
}

/** A write to the policy itself, without which its pass cannot go on. Throws as `refusedBy` does. */
export async function writePolicy(
  world: World,
  seen: Seen,
  write: () => Promise<void>,
): Promise<Refused | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    return refusedBy(error, world, seen, slotOf(POLICY, seen.policy.metadata.name), 'Policy');
  }
}

/** Undefined: it may heal. */
function lastingReason(
  { failure, message }: KubernetesError,
  subject: Subject,
): Refusal['reason'] | undefined {
  if (failure === 'Invalid') return 'InvalidSpec';
  if (failure !== 'Forbidden' || subject === 'Policy') return undefined;
  if (subject === 'Maintenance') return 'MaintenanceUnavailable';
  return /quota/i.test(message) ? 'QuotaExceeded' : 'WorkersUnavailable';
}

/** The API server quotes how its call of a webhook failed, with a local port that is another each time. */
function steady(cause: string): string {
  return cause.replace(/:\d+->/g, '->').slice(0, LONGEST_CAUSE);
}
