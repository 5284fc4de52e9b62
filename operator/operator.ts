import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { workerObjectName } from '../api/names.ts';
import type { Clock } from './clock.ts';
import type { WorkerInstallation } from './desired-pod.ts';
import { EventRecorder } from './event-recorder.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { keyOf } from './kubernetes-objects.ts';
import { Memories } from './memory.ts';
import { Metrics } from './metrics.ts';
import type { Sampler, Topology, TtlPublisher } from './ports.ts';
import { reconcile } from './reconcile.ts';
import { decideReplicas } from './replicas.ts';
import { SecretReader } from './secret-reader.ts';
import { Watched } from './watched.ts';
import { WorkQueue } from './work-queue.ts';
import type { World } from './world.ts';

/** What the outside tells of a policy while it is being looked after. */
export interface OutsideEvents {
  /** Something at the broker or in Redis is not as it was left. */
  readonly onDrift: (policyUid: string) => void;
}

export interface Outside {
  readonly topology: Topology;
  readonly ttl: TtlPublisher;
  readonly sampler: Sampler;
}

export interface OperatorOptions {
  readonly client: KubernetesClient;
  readonly namespaces: readonly string[];
  readonly installation: WorkerInstallation;
  /** Name of this process, for Kubernetes Events. */
  readonly instance: string;
  readonly outside: (events: OutsideEvents) => Outside;
  readonly isLeader: () => boolean;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

const CONCURRENCY = 8;
const BACKOFF_MS = { initial: 500, max: 60_000 };
const SCALING_PERIOD_MS = 1_000;
/** A watch renews itself every 35 s; after this long without a word from the API server, a restart may help. */
const WATCH_DEAD_MS = 5 * 60_000;

/** Everything that runs in the leader: watches, work queue and the scaling loop. */
export class Operator {
  readonly metrics: Metrics;
  readonly #watched: Watched;
  readonly #queue: WorkQueue;
  readonly #world: World;
  readonly #outside: Outside;
  readonly #stopping = new AbortController();
  #started = false;
  #isInformed = false;

  constructor(options: OperatorOptions) {
    const { client, clock, random, log, installation, isLeader } = options;
    this.#queue = this.#makeQueue(options);
    this.#watched = this.#watch(options);
    this.metrics = new Metrics({
      queueDepth: () => this.#queue.depth,
      watchAges: () => this.#watched.ages(),
      isLeader,
    });
    this.#outside = options.outside({ onDrift: (uid) => this.#drifted(uid) });
    const failed = (error: unknown) => log.warn({ error: messageOf(error) }, 'event not recorded');
    this.#world = {
      installation,
      client,
      stores: this.#watched,
      secrets: new SecretReader(client, clock),
      ...this.#outside,
      events: new EventRecorder(client, options.instance, clock, failed),
      memories: new Memories(),
      metrics: this.metrics,
      clock,
      random,
      log,
    };
  }

  /** Resolves when the first policies are being looked after. */
  async start(): Promise<void> {
    this.#started = true;
    this.#watched.start();
    await this.#watched.answered();
    if (this.#stopping.signal.aborted) return;
    this.#isInformed = true;
    for (const policy of this.#world.stores.policies.values()) this.#changed(keyOf(policy));
    void this.#scalingLoop();
  }

  /** Finishes the passes that have begun. No write follows. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#watched.stop();
    await this.#queue.stop();
    const { topology, ttl, sampler } = this.#outside;
    await Promise.allSettled([topology.close(), ttl.close(), sampler.close()]);
  }

  /** Not started is well too: another process leads. */
  get isAlive(): boolean {
    return !this.#started || [...this.#watched.ages().values()].every((age) => age < WATCH_DEAD_MS);
  }

  get isReady(): boolean {
    return !this.#started || this.#isInformed;
  }

  #makeQueue({ clock, random, log }: OperatorOptions): WorkQueue {
    return new WorkQueue((key) => this.#pass(key), {
      clock,
      concurrency: CONCURRENCY,
      backoff: BACKOFF_MS,
      random,
      onFailure: (key, error, failures) =>
        log.warn({ policy: key, failures, error: messageOf(error) }, 'pass failed, will be repeated'),
    });
  }

  #watch({ client, namespaces, clock, random, log }: OperatorOptions): Watched {
    return new Watched({
      client,
      namespaces,
      clock,
      random,
      onChange: (key) => this.#changed(key),
      onPolicyGone: ({ metadata }) => {
        this.#world.sampler.forget(metadata.uid);
        this.#world.ttl.forget(metadata.uid);
        this.#world.memories.forget(metadata.uid);
        this.metrics.forgetPolicy(metadata.namespace, metadata.name);
      },
      onFailure: (kind, error, retryIn) => {
        this.metrics.watchFailed(kind);
        log.warn({ kind, retryIn, error: messageOf(error) }, 'watch failed, will be repeated');
      },
    });
  }

  async #pass(key: string) {
    const begun = performance.now();
    let outcome: 'success' | 'error' = 'error';
    try {
      const next = await reconcile(this.#world, key);
      outcome = 'success';
      return next;
    } finally {
      this.metrics.reconciled(outcome, (performance.now() - begun) / 1000);
    }
  }

  /**
   * Before all policies are known, conflicts between them are not. A policy that is being deleted is let go also where
   * nothing but policies may be read any more: in a namespace that is going away the rights go with it.
   */
  #changed(key: string): void {
    const policy = this.#watched.policies.get(key);
    const isEnding = policy?.metadata.deletionTimestamp !== undefined;
    const isKnown = policy === undefined || isEnding || this.#watched.isSyncedIn(policy.metadata.namespace);
    if (this.#isInformed && isKnown) this.#queue.add(key);
  }

  #drifted(policyUid: string): void {
    for (const policy of this.#world.stores.policies.values()) {
      if (policy.metadata.uid !== policyUid) continue;
      this.#world.memories.of(policyUid).drifted = true;
      this.#queue.add(keyOf(policy));
    }
  }

  /** Decides each second; a pass follows only where the number of workers has to change. */
  async #scalingLoop(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      for (const policy of this.#world.stores.policies.values()) {
        if (this.#mustScale(policy)) this.#queue.add(keyOf(policy));
      }
      await sleep(SCALING_PERIOD_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #mustScale(policy: Parameters<typeof decideReplicas>[1]['policy']): boolean {
    const { uid, namespace, name, deletionTimestamp } = policy.metadata;
    const memory = this.#world.memories.of(uid);
    const deployment = this.#world.stores.deployments.get(`${namespace}/${workerObjectName(name)}`);
    if (policy.spec.scaling.mode !== 'Auto' || policy.spec.suspend || deletionTimestamp !== undefined)
      return false;
    // A pass that failed is repeated with backoff; asking for it each second would override that.
    if (memory.decision === undefined || deployment === undefined || memory.failing) return false;
    return decideReplicas(this.#world, { policy, memory, deployment }).replicas !== deployment.spec?.replicas;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
