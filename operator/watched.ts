import { POLICY_LABEL } from '../api/names.ts';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Clock } from './clock.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import {
  controllerOf,
  type Deployment,
  type Kind,
  type KubernetesObject,
  keyOf,
  OWNED_KINDS,
  POD,
  POLICY,
  type Pod,
} from './kubernetes-objects.ts';
import { Reflector } from './reflector.ts';
import type { Store, Stores } from './world.ts';

export interface WatchOptions {
  readonly client: KubernetesClient;
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly clock: Clock;
  readonly random: () => number;
  /** A policy, or something that belongs to it, is another than before. */
  readonly onChange: (policyKey: string) => void;
  readonly onPolicyGone: (policy: OrderCachePolicy) => void;
  readonly onFailure: (kind: string, error: unknown, retryIn: number) => void;
}

/** Copies of the policies, of what they own and of the worker pods, in the watched namespaces. */
export class Watched implements Stores {
  readonly #byKind = new Map<string, MergedStore>();
  readonly #options: WatchOptions;

  constructor(options: WatchOptions) {
    this.#options = options;
    for (const kind of [POLICY, ...OWNED_KINDS, POD]) this.#byKind.set(kind.kind, this.#watch(kind));
  }

  get policies(): Store<OrderCachePolicy> {
    return this.owned(POLICY) as Store<OrderCachePolicy>;
  }

  get deployments(): Store<Deployment> {
    return this.owned(OWNED_KINDS[2]) as Store<Deployment>;
  }

  get pods(): Store<Pod> {
    return this.owned(POD) as Store<Pod>;
  }

  owned(kind: Kind): Store {
    const store = this.#byKind.get(kind.kind);
    if (store === undefined) throw new Error(`${kind.kind} is not watched`);
    return store;
  }

  start(): void {
    for (const store of this.#byKind.values()) {
      for (const [namespace, reflector] of store.byNamespace) {
        void reflector.run();
        void reflector.synced.then(() => this.#synced(namespace));
      }
    }
  }

  stop(): void {
    for (const { reflectors } of this.#byKind.values()) for (const reflector of reflectors) reflector.stop();
  }

  /** Is all there that belongs to the policies of this namespace? One whose rights are gone does not hold up others. */
  isSyncedIn(namespace: string): boolean {
    return [...this.#byKind.values()].every((store) => store.reflectorOf(namespace)?.hasSynced);
  }

  /** Resolves once every list has been answered, some of them perhaps with a refusal. */
  async answered(): Promise<void> {
    const all = [...this.#byKind.values()].flatMap(({ reflectors }) => reflectors);
    await Promise.all(all.map((reflector) => reflector.answered));
  }

  #synced(namespace: string | undefined): void {
    for (const policy of this.policies.values()) {
      const { metadata } = policy;
      const isMeant = namespace === undefined || namespace === metadata.namespace;
      if (isMeant && this.isSyncedIn(metadata.namespace)) this.#options.onChange(keyOf(policy));
    }
  }

  /** Milliseconds since the API server last answered, by kind. */
  ages(): ReadonlyMap<string, number> {
    const entries = [...this.#byKind].map(([kind, { reflectors }]) => {
      return [kind, Math.max(...reflectors.map(({ age }) => age))] as const;
    });
    return new Map(entries);
  }

  #watch(kind: Kind): MergedStore {
    const { namespaces } = this.#options;
    const scopes = namespaces.length === 0 ? [undefined] : namespaces;
    return new MergedStore(new Map(scopes.map((namespace) => [namespace, this.#reflector(kind, namespace)])));
  }

  #reflector(kind: Kind, namespace: string | undefined): Reflector<KubernetesObject> {
    const { client, clock, random, onFailure } = this.#options;
    return new Reflector({
      client,
      kind,
      namespace,
      ...(kind !== POLICY && { labelSelector: POLICY_LABEL }),
      clock,
      random,
      onChange: (now, before) => this.#changed(kind, now, before),
      onFailure: (error, retryIn) => onFailure(kind.kind, error, retryIn),
    });
  }

  #changed(kind: Kind, now: KubernetesObject | undefined, before: KubernetesObject | undefined): void {
    const { onChange, onPolicyGone } = this.#options;
    if (kind === POLICY && before && before.metadata.uid !== now?.metadata.uid) {
      onPolicyGone(before as OrderCachePolicy);
    }
    const keys = [now, before].flatMap((object) => (object ? policyKeysOf(object) : []));
    for (const key of new Set(keys)) onChange(key);
  }
}

/** Of the policy that it is, that controls it, or that its label names: somebody may have taken one of them away. */
function policyKeysOf(object: KubernetesObject): readonly string[] {
  if (object.kind === POLICY.kind) return [keyOf(object)];
  const { namespace, labels } = object.metadata;
  const controller = controllerOf(object);
  const names = [controller?.kind === POLICY.kind ? controller.name : undefined, labels?.[POLICY_LABEL]];
  return names.filter((name) => name !== undefined).map((name) => `${namespace}/${name}`);
}

/** The reflectors of one kind, one for each namespace or one for all, as one store. */
class MergedStore implements Store {
  readonly byNamespace: ReadonlyMap<string | undefined, Reflector<KubernetesObject>>;

  constructor(byNamespace: ReadonlyMap<string | undefined, Reflector<KubernetesObject>>) {
    this.byNamespace = byNamespace;
  }

  reflectorOf(namespace: string): Reflector<KubernetesObject> | undefined {
    return this.byNamespace.get(namespace) ?? this.byNamespace.get(undefined);
  }

  get reflectors(): readonly Reflector<KubernetesObject>[] {
    return [...this.byNamespace.values()];
  }

  get(key: string): KubernetesObject | undefined {
    for (const reflector of this.byNamespace.values()) {
      const object = reflector.get(key);
      if (object) return object;
    }
    return undefined;
  }

  *values(): Iterable<KubernetesObject> {
    for (const reflector of this.byNamespace.values()) yield* reflector.values();
  }

  learn(object: KubernetesObject): void {
    this.reflectorOf(object.metadata.namespace)?.learn(object);
  }
}
