import { type Clock, pause } from './clock.ts';
import { type KubernetesClient, KubernetesError } from './kubernetes-client.ts';
import { type KubernetesObject, LEASE } from './kubernetes-objects.ts';
import { type LeaseSpec, leaseSpec, leaseStep, type SeenLease, type Timing } from './leader-decision.ts';

/** Thrown in place of a write by a process that does not hold the lease, or may no longer. */
export class NotLeader extends Error {
  constructor() {
    super('the leader lease is not held');
    this.name = 'NotLeader';
  }
}

interface Lease extends KubernetesObject {
  readonly spec: LeaseSpec;
}

export interface LeaderElectionOptions {
  /** Writes without the fence that it implements. */
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process. */
  readonly identity: string;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/** Holds a Lease while it can. Once lost, it is not sought again: the process ends and starts anew. */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #stopping = new AbortController();
  #lease: Lease | undefined;
  #attempting: Promise<void> = Promise.resolve();
  #seen: SeenLease | undefined;
  /** When the last successful renewal was begun, by both clocks: one of them may stand still while frozen. */
  #renewed: { readonly wall: number; readonly monotonic: number } | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  /** May this process begin a write now? */
  get held(): boolean {
    if (this.#renewed === undefined) return false;
    const { clock, timing } = this.#options;
    const age = Math.max(clock.now() - this.#renewed.wall, clock.monotonic() - this.#renewed.monotonic);
    return age < timing.holdMs;
  }

  /** The fence before every write. Throws NotLeader. */
  readonly assertHeld = (): void => {
    if (!this.held) throw new NotLeader();
  };

  /** Resolves when the lease is acquired, or `release` is called before that. */
  async acquire(): Promise<void> {
    while (!this.held && !this.#stopping.signal.aborted) {
      await this.#attempt();
      if (!this.held) await this.#pause();
    }
  }

  /** Renews; resolves when the lease is lost or released. */
  async keep(): Promise<void> {
    while (this.held && !this.#stopping.signal.aborted) {
      await this.#pause();
      if (!this.#stopping.signal.aborted) await this.#attempt();
    }
  }

  /**
   * Gives the lease up, so that another need not wait for it to run out. Call it after the last write. A renewal on its
   * way is waited for: it changes the lease, and giving up an older one is refused.
   */
  async release(): Promise<void> {
    const wasHeld = this.held;
    this.#stopping.abort();
    this.#renewed = undefined;
    await this.#attempting;
    if (!wasHeld || this.#lease === undefined) return;
    const spec = { ...this.#lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    await this.#options.client.replace(LEASE, { ...this.#lease, spec }).catch(this.#options.onFailure);
  }

  #attempt(): Promise<void> {
    this.#attempting = this.#readAndWrite();
    return this.#attempting;
  }

  async #readAndWrite(): Promise<void> {
    try {
      await this.#read();
      if (!this.#stopping.signal.aborted) await this.#write();
    } catch (error) {
      if (error instanceof KubernetesError && isLostRace(error)) return;
      this.#options.onFailure(error);
    }
  }

  async #read(): Promise<void> {
    const { client, namespace, name, clock } = this.#options;
    const lease = await client.get<Lease>(LEASE, namespace, name);
    const isNew = lease?.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion;
    this.#lease = lease;
    if (lease === undefined) this.#seen = undefined;
    else if (isNew || this.#seen === undefined) {
      this.#seen = { spec: lease.spec ?? {}, unchangedSince: clock.monotonic() };
    }
  }

  async #write(): Promise<void> {
    const { client, namespace, name, identity, timing, clock } = this.#options;
    const begun = { wall: clock.now(), monotonic: clock.monotonic() };
    const step = leaseStep(this.#seen, identity, begun.monotonic);
    if (step === 'Wait') return this.#yield();
    const now = new Date(begun.wall).toISOString().replace('Z', '000Z');
    const spec = leaseSpec(step, this.#seen?.spec, identity, timing.leaseSeconds, now);
    const metadata = this.#lease?.metadata ?? { namespace, name };
    const lease = { apiVersion: LEASE.apiVersion, kind: LEASE.kind, metadata, spec };
    this.#lease = step === 'Create' ? await client.create(LEASE, lease) : await client.replace(LEASE, lease);
    if (!this.#stopping.signal.aborted) this.#renewed = begun;
  }

  /** Somebody else holds it. */
  #yield(): void {
    this.#renewed = undefined;
  }

  #pause(): Promise<void> {
    return pause(this.#options.clock, this.#options.timing.retryMs, this.#stopping.signal);
  }
}

function isLostRace(error: KubernetesError): boolean {
  return error.failure === 'Conflict' || error.failure === 'AlreadyExists';
}
