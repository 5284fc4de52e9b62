import type { Condition } from '../../api/conditions.ts';
import { API_VERSION, KIND, workerObjectName } from '../../api/names.ts';
import type { OrderCachePolicySpecInput } from '../../api/policy.ts';
import type { WorkerReport } from '../../api/worker-report.ts';
import type { Kubectl, KubeObject } from '../../demo/kubectl.ts';
import { NAMESPACE } from './scene.ts';

export const POLICY = 'orders';
export const QUEUE = `ordercache.${NAMESPACE}.${POLICY}`;
export const WORKERS = workerObjectName(POLICY);

/** What `apply` starts from. */
export const SPEC = {
  strategy: 'WriteThrough',
  rabbitmq: {
    connectionSecretRef: { name: 'rabbitmq' },
    managementSecretRef: { name: 'rabbitmq-admin' },
    exchanges: [{ name: 'mes' }, { name: 'crm', managementPolicy: 'Declare' }],
    bindings: [
      { exchange: 'mes', routingKey: 'mes.order.status.#' },
      { exchange: 'crm', routingKey: 'crm.order.status.#' },
    ],
    retry: { initialDelaySeconds: 1, maxDelaySeconds: 2 },
  },
  redis: { connectionSecretRef: { name: 'redis' } },
  database: { connectionSecretRef: { name: 'orders-db' } },
  workers: {
    terminationGracePeriodSeconds: 10,
    resources: { requests: { cpu: '20m', memory: '64Mi' } },
  },
  scaling: { minReplicas: 1, maxReplicas: 1 },
} satisfies OrderCachePolicySpecInput;

export interface Policy extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly generation: number; readonly uid: string };
  readonly spec: OrderCachePolicySpecInput;
  readonly status: {
    readonly observedGeneration: number;
    readonly conditions: readonly Condition[];
    readonly replicas?: number;
    readonly desiredReplicas?: number;
    readonly backlog?: number;
    readonly deadLetters?: number;
    readonly catchUp?: { readonly state: string; readonly trigger?: string; readonly updated: number };
  };
}

export interface Pod extends KubeObject {
  readonly metadata: KubeObject['metadata'] & { readonly uid: string; readonly deletionTimestamp?: string };
  readonly spec: PodSpec;
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { type: string; status: string }[];
  };
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly {
    readonly env: readonly { name: string; valueFrom?: unknown }[];
    readonly securityContext: Record<string, unknown>;
  }[];
  readonly volumes: readonly { name: string; secret?: { secretName: string }; projected?: unknown }[];
}

/** The policy `orders` and its workers, as kubectl shows them. */
export class PolicyOnCluster {
  readonly #kubectl: Kubectl;
  readonly #namespace: string;

  constructor(kubectl: Kubectl, namespace = NAMESPACE) {
    this.#kubectl = kubectl;
    this.#namespace = namespace;
  }

  /** The whole spec is stated each time: what a test before has changed is as in SPEC again. */
  async apply(changes: Partial<OrderCachePolicySpecInput> = {}): Promise<void> {
    const metadata = { name: POLICY, namespace: this.#namespace };
    await this.#kubectl.apply([
      { apiVersion: API_VERSION, kind: KIND, metadata, spec: { ...SPEC, ...changes } },
    ]);
  }

  async patch(changes: object): Promise<void> {
    const patch = JSON.stringify({ spec: changes });
    await this.#kubectl.run(['patch', 'ocp', POLICY, '-n', this.#namespace, '--type=merge', '-p', patch]);
  }

  get(): Promise<Policy> {
    return this.#kubectl.json<Policy>(['get', 'ocp', POLICY, '-n', this.#namespace]);
  }

  async condition(type: Condition['type']): Promise<Condition | undefined> {
    return (await this.get()).status.conditions.find((condition) => condition.type === type);
  }

  async untilTrue(type: Condition['type'], timeoutSeconds = 120): Promise<void> {
    await this.#kubectl.until(`${type} is True`, timeoutSeconds, async () => {
      return (await this.condition(type))?.status === 'True';
    });
  }

  /** Waits until it is Ready with the configuration of this moment. */
  async ready(timeoutSeconds = 120): Promise<Policy> {
    let policy = await this.get();
    const readyCondition = () => policy.status.conditions.find(({ type }) => type === 'Ready');
    const isReady = async () => {
      policy = await this.get();
      const { metadata, status } = policy;
      return readyCondition()?.status === 'True' && status.observedGeneration === metadata.generation;
    };
    await this.#kubectl.until('the policy is Ready', timeoutSeconds, isReady).catch((error: unknown) => {
      throw new Error(`${error}; last: ${readyCondition()?.reason}: ${readyCondition()?.message}`);
    });
    return policy;
  }

  async delete(): Promise<void> {
    await this.#kubectl.run(
      ['delete', 'ocp', POLICY, '-n', this.#namespace, '--ignore-not-found', '--timeout=120s'],
      {
        timeoutSeconds: 130,
      },
    );
    await this.#kubectl.until('its workers are gone', 120, async () => (await this.workers()).length === 0);
  }

  /** Worker pods that are there, those that are ending included. */
  async workers(): Promise<readonly Pod[]> {
    const selector = `ordercache.io/policy=${POLICY},app.kubernetes.io/name=order-cache-worker`;
    const { items } = await this.#kubectl.json<{ items: Pod[] }>([
      'get',
      'pods',
      '-n',
      this.#namespace,
      '-l',
      selector,
    ]);
    return items;
  }

  /** Those that are ready and stay. */
  async readyWorkers(): Promise<readonly Pod[]> {
    return (await this.workers()).filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined &&
        status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    );
  }

  /** Waits until exactly so many workers are ready, and no others are there. */
  async untilWorkers(count: number, timeoutSeconds = 120): Promise<readonly Pod[]> {
    let pods: readonly Pod[] = [];
    await this.#kubectl.until(`${count} workers`, timeoutSeconds, async () => {
      pods = await this.readyWorkers();
      return pods.length === count && (await this.workers()).length === count;
    });
    return pods;
  }

  /** Names, with kind, and UIDs of what the policy owns. */
  async owned(): Promise<Record<string, string>> {
    const kinds = 'deployments,configmaps,serviceaccounts,poddisruptionbudgets';
    const { items } = await this.#kubectl.json<{ items: KubeObject[] }>([
      'get',
      kinds,
      '-n',
      this.#namespace,
      '-l',
      `ordercache.io/policy=${POLICY}`,
    ]);
    return Object.fromEntries(
      items.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.uid ?? '']),
    );
  }

  /** What a worker says of itself, by way of the API server. */
  async report({ metadata }: Pod): Promise<WorkerReport> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${metadata.name}:8080/proxy/report`;
    return JSON.parse(await this.#kubectl.run(['get', '--raw', path])) as WorkerReport;
  }

  /** Notes of the Kubernetes Events about the policy with one reason. */
  async notes(reason: string): Promise<readonly string[]> {
    const { items } = await this.#kubectl.json<{
      items: { reason: string; note?: string; regarding: { uid: string } }[];
    }>(['get', 'events.events.k8s.io', '-n', this.#namespace]);
    const { uid } = (await this.get()).metadata;
    return items
      .filter((event) => event.reason === reason && event.regarding.uid === uid)
      .map(({ note }) => note ?? '');
  }
}
