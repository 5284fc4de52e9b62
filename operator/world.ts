import type { Logger } from 'pino';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Clock } from './clock.ts';
import type { WorkerInstallation } from './desired-pod.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import type { Deployment, Kind, KubernetesObject, Pod } from './kubernetes-objects.ts';
import type { Memories } from './memory.ts';
import type { Metrics } from './metrics.ts';
import type { Sampler, Topology, TtlPublisher } from './ports.ts';
import type { SecretReader } from './secret-reader.ts';

/** A local copy of one kind of objects in the watched namespaces, by `<namespace>/<name>`. */
export interface Store<T extends KubernetesObject = KubernetesObject> {
  get(key: string): T | undefined;
  values(): Iterable<T>;
  /** Takes over what a write of ours returned. */
  learn(object: T): void;
}

export interface Stores {
  readonly policies: Store<OrderCachePolicy>;
  readonly deployments: Store<Deployment>;
  readonly pods: Store<Pod>;
  /** Of any owned kind. */
  owned(kind: Kind): Store;
}

/** Everything outside that a reconcile sees and acts on. */
export interface World {
  readonly installation: WorkerInstallation;
  readonly client: KubernetesClient;
  readonly stores: Stores;
  readonly secrets: SecretReader;
  readonly topology: Topology;
  readonly ttl: TtlPublisher;
  readonly sampler: Sampler;
  readonly events: EventRecorder;
  readonly memories: Memories;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: Logger;
}
