import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { customResourceDefinition } from '../../api/crd.ts';
import { API_VERSION, KIND } from '../../api/names.ts';
import type { OrderCachePolicy } from '../../api/policy.ts';
import { type Clock, systemClock } from '../../operator/clock.ts';
import { KubernetesClient } from '../../operator/kubernetes-client.ts';
import { openSession, type Session } from '../../operator/kubernetes-session.ts';
import { Operator, type Outside, type OutsideEvents } from '../../operator/operator.ts';
import { ensureCluster } from '../cluster/index.ts';
import { quietOutside } from './operator-outside.ts';

/** A namespace of the test's own on the real API server, and calls on it as a user makes them. */
export interface Scene extends AsyncDisposable {
  readonly namespace: string;
  readonly kubeconfig: string;
  readonly session: Session;
  readonly client: KubernetesClient;
  /** Makes or changes an object by server-side apply as another field manager; fails like kubectl does. */
  apply(path: string, object: object): Promise<Json>;
  get(path: string): Promise<Json | undefined>;
  patch(path: string, patch: object): Promise<Json>;
  delete(path: string): Promise<void>;
  /** Starts an operator that watches this namespace alone. */
  operator(options?: OperatorParts): Promise<Operator>;
}

export interface OperatorParts {
  readonly client?: KubernetesClient;
  readonly outside?: (events: OutsideEvents) => Outside;
  readonly clock?: Clock;
}

export type Json = { [field: string]: unknown } & { metadata: Record<string, unknown> };

export async function openScene(): Promise<Scene> {
  const { kubeconfig } = await ensureCluster();
  const session = openSession(kubeconfig);
  const namespace = `ocp-${randomUUID().slice(0, 8)}`;
  const client = new KubernetesClient(session, () => undefined);
  const operators: Operator[] = [];
  const send = async (
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    contentType?: string,
  ) => {
    const reply = await session.send({
      method,
      path,
      deadline: 20_000,
      ...(body && { body }),
      ...(contentType && { contentType }),
    });
    if (reply.status >= 300) throw new Refused(reply.status, reply.body as Json);
    return reply.body as Json;
  };
  const scene: Scene = {
    namespace,
    kubeconfig,
    session,
    client,
    apply: (path, object) =>
      send('PATCH', `${path}?fieldManager=test&force=true`, object, 'application/apply-patch+yaml'),
    get: (path) => send('GET', path).catch(undefinedIfGone),
    patch: (path, patch) => send('PATCH', path, patch, 'application/merge-patch+json'),
    delete: async (path) => {
      await send('DELETE', path).catch(undefinedIfGone);
    },
    async operator(options = {}) {
      const operator = operatorFor(namespace, { client, ...options });
      operators.push(operator);
      await operator.start();
      return operator;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(operators.map((operator) => operator.stop()));
      await releasePolicies(scene);
      await scene.delete(`/api/v1/namespaces/${namespace}`);
      await session.close();
    },
  };
  await installCrd(scene);
  await scene.apply(`/api/v1/namespaces/${namespace}`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  return scene;
}

/** What the API server says when it refuses. */
export class Refused extends Error {
  readonly status: number;
  readonly body: Json;
  constructor(status: number, body: Json) {
    super(`${status}: ${body.message}`);
    this.status = status;
    this.body = body;
  }
}

function undefinedIfGone(error: unknown): undefined {
  if (error instanceof Refused && error.status === 404) return undefined;
  throw error;
}

function operatorFor(
  namespace: string,
  {
    client,
    outside = () => quietOutside(),
    clock = systemClock,
  }: OperatorParts & { client: KubernetesClient },
): Operator {
  return new Operator({
    client,
    namespaces: [namespace],
    installation: {
      image: 'localhost/order-cache-operator:test',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      serviceAccountAnnotations: { 'example.com/role': 'orders' },
      logLevel: 'info',
      fixedUserId: true,
    },
    instance: 'operator-test',
    outside,
    isLeader: () => true,
    clock,
    random: Math.random,
    log: pino({ level: process.env.LOG_LEVEL ?? 'silent', base: null }),
  });
}

async function installCrd(scene: Scene): Promise<void> {
  const crd = customResourceDefinition();
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd.metadata.name}`;
  await scene.apply(path, crd);
  await eventually('the CRD is served', async () => {
    await scene.session
      .send({ method: 'GET', path: `/apis/${API_VERSION}`, deadline: 5_000 })
      .then(({ status }) => {
        if (status !== 200) throw new Error(`status ${status}`);
      });
  });
}

async function releasePolicies(scene: Scene): Promise<void> {
  const list = await scene.get(policyPath(scene.namespace));
  for (const { metadata } of (list?.items ?? []) as OrderCachePolicy[]) {
    const path = policyPath(scene.namespace, metadata.name);
    await scene.patch(path, { metadata: { finalizers: null } }).catch(undefinedIfGone);
  }
}

export function policyPath(namespace: string, name?: string): string {
  return `/apis/${API_VERSION}/namespaces/${namespace}/ordercachepolicies${name ? `/${name}` : ''}`;
}

export function path(namespace: string, plural: string, name: string): string {
  const roots: Record<string, string> = {
    deployments: '/apis/apps/v1',
    poddisruptionbudgets: '/apis/policy/v1',
    events: '/apis/events.k8s.io/v1',
  };
  return `${roots[plural] ?? '/api/v1'}/namespaces/${namespace}/${plural}${name ? `/${name}` : ''}`;
}

/** Repeats `check` until it stops throwing; fails with its last words after `seconds`, of which a busy machine needs many. */
export async function eventually<T>(what: string, check: () => Promise<T>, seconds = 30): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`, { cause: error });
      await sleep(100);
    }
  }
}

/** A policy without workers, that needs no pod to be ready. */
export function policy(namespace: string, name: string, spec: object = {}): Json {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name, namespace },
    spec: {
      strategy: 'ReadThrough',
      rabbitmq: {
        connectionSecretRef: { name: 'rabbitmq' },
        managementSecretRef: { name: 'rabbitmq-admin' },
        exchanges: [{ name: 'mes' }],
        bindings: [{ exchange: 'mes', routingKey: 'mes.#' }],
      },
      redis: { connectionSecretRef: { name: 'redis' }, keyPrefix: `${name}:` },
      scaling: { minReplicas: 0 },
      ...spec,
    },
  };
}

export const SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rabbitmq: { uri: 'amqp://worker:worker-password@127.0.0.1:5672/%2F' },
  'rabbitmq-admin': {
    uri: 'amqp://admin:admin-password@127.0.0.1:5672/%2F',
    managementUri: 'http://127.0.0.1:15672',
  },
  redis: { uri: 'redis://127.0.0.1:6379/0', password: 'redis-password' },
};

export async function applySecrets(scene: Scene, secrets = SECRETS): Promise<void> {
  for (const [name, stringData] of Object.entries(secrets)) {
    const object = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData };
    await scene.apply(path(scene.namespace, 'secrets', name), object);
  }
}

export interface ConditionSeen {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

export function condition(object: Json, type: string): ConditionSeen | undefined {
  const { conditions } = object.status as { conditions?: ConditionSeen[] };
  return conditions?.find((one) => one.type === type);
}

/** The object at a path, which must exist. */
export async function existing(scene: Scene, at: string): Promise<Json> {
  const object = await scene.get(at);
  if (object === undefined) throw new Error(`${at} does not exist`);
  return object;
}
