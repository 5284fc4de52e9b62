import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { KubeObject } from '../../demo/kubectl.ts';
import { SEED_SECRET, serverManifests } from '../../demo/manifests.ts';

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly {
    readonly image: string;
    readonly securityContext: Record<string, unknown>;
    readonly resources: { requests: Record<string, string>; limits: Record<string, string> };
    readonly readinessProbe: { periodSeconds: number };
  }[];
}

const names = ['rabbitmq', 'redis', 'postgres'] as const;
const byKind = (objects: readonly KubeObject[], kind: string) => objects.filter((each) => each.kind === kind);
const podSpec = (deployment: KubeObject) =>
  (deployment.spec as { template: { spec: PodSpec } }).template.spec;
const nameOf = ({ metadata }: KubeObject) => metadata.name;

function secretsOf(objects: readonly KubeObject[]): Record<string, Record<string, string>> {
  const secrets = byKind(objects, 'Secret').map((each) => [nameOf(each), each.stringData]);
  return Object.fromEntries(secrets) as Record<string, Record<string, string>>;
}

function passwordsOf(objects: readonly KubeObject[]): string[] {
  const uris = Object.values(secretsOf(objects))
    .flatMap((data) => Object.values(data))
    .filter((value) => /^[a-z]+:\/\//.test(value));
  return uris.map((uri) => new URL(uri).password);
}

test('the namespace comes first and enforces Pod Security restricted', () => {
  const [first, ...others] = serverManifests({ namespace: 'elsewhere' });
  assert.equal(first?.kind, 'Namespace');
  assert.deepEqual(first?.metadata, {
    name: 'elsewhere',
    labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
  });
  assert.ok(others.length > 0);
  for (const object of others) assert.equal(object.metadata.namespace, 'elsewhere', nameOf(object));
});

test('each server is one Deployment with a Service', () => {
  const objects = serverManifests();
  for (const kind of ['Deployment', 'Service']) {
    assert.deepEqual(byKind(objects, kind).map(nameOf).sort(), [...names].sort());
  }
});

test('every pod is restricted, has no token, a read-only root, and requests and a memory limit', () => {
  for (const deployment of byKind(serverManifests(), 'Deployment')) {
    const pod = podSpec(deployment);
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
    assert.equal(pod.containers.length, 1);
    for (const container of pod.containers) {
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.deepEqual(Object.keys(container.resources.requests).sort(), ['cpu', 'memory']);
      assert.ok(container.resources.limits.memory);
      assert.equal(container.readinessProbe.periodSeconds, 1);
    }
  }
});

test('passwords are in Secrets only, and each account of each server has its own', () => {
  const objects = serverManifests();
  const passwords = new Set(passwordsOf(objects));
  assert.equal(passwords.size, 13);
  const open = JSON.stringify(objects.filter(({ kind }) => kind !== 'Secret'));
  for (const password of [...passwords, secretsOf(objects)[SEED_SECRET.name]?.[SEED_SECRET.key] ?? '']) {
    assert.ok(password.length >= 32, 'expected at least 32 characters');
    assert.ok(!open.includes(password), 'a password is outside the Secrets');
  }
});

test('passwords differ from run to run, and the seed of a run gives the same manifests again', () => {
  const first = serverManifests();
  const second = new Set(passwordsOf(serverManifests()));
  assert.deepEqual(
    passwordsOf(first).filter((password) => second.has(password)),
    [],
  );
  const seed = secretsOf(first)[SEED_SECRET.name]?.[SEED_SECRET.key] ?? '';
  assert.deepEqual(serverManifests({ seed }), first);
});

test('a server whose files changed gets a new pod, the others keep theirs', () => {
  const template = (keyPrefix: string, name: string) => {
    const deployments = byKind(serverManifests({ seed: 'same', keyPrefix }), 'Deployment');
    return JSON.stringify(deployments.find((each) => nameOf(each) === name)?.spec);
  };
  assert.notEqual(template('order:', 'redis'), template('other:', 'redis'));
  assert.equal(template('order:', 'rabbitmq'), template('other:', 'rabbitmq'));
});

test('images are the public ones unless they are given', () => {
  const images = { rabbitmq: 'local/rabbitmq:1', redis: 'local/redis:1' };
  const used = byKind(serverManifests({ images }), 'Deployment').map(
    (each) => podSpec(each).containers[0]?.image,
  );
  assert.deepEqual(used.sort(), ['docker.io/library/postgres:15', 'local/rabbitmq:1', 'local/redis:1']);
});

test('the policy and the programs of the demo find the keys that they read', () => {
  const keys = Object.entries(secretsOf(serverManifests())).map(([name, data]) => [
    name,
    Object.keys(data).sort(),
  ]);
  assert.deepEqual(Object.fromEntries(keys.filter(([name]) => !String(name).endsWith('-server'))), {
    rabbitmq: ['uri'],
    'rabbitmq-admin': ['managementUri', 'uri'],
    redis: ['uri'],
    'orders-db': ['uri'],
    mes: ['amqpUri', 'databaseUri'],
    crm: ['amqpUri', 'databaseUri'],
    readers: ['databaseUri', 'redisUri'],
    auditor: ['amqpUri', 'databaseUri', 'managementUri', 'redisUri'],
    [SEED_SECRET.name]: [SEED_SECRET.key],
  });
});

interface Definitions {
  readonly users: readonly { name: string; password_hash: string; tags: string }[];
  readonly permissions: readonly { user: string; configure: string; write: string; read: string }[];
}

function definitions(): Definitions {
  return JSON.parse(
    secretsOf(serverManifests({ seed: 'same' }))['rabbitmq-server']?.['definitions.json'] ?? '',
  );
}

test('the broker knows each account by the salted hash of the password that its client has', () => {
  const uri = new URL(secretsOf(serverManifests({ seed: 'same' })).rabbitmq?.uri ?? '');
  const hash = definitions().users.find(({ name }) => name === uri.username)?.password_hash ?? '';
  const bytes = Buffer.from(hash, 'base64');
  const salted = createHash('sha256').update(bytes.subarray(0, 4)).update(uri.password).digest();
  assert.deepEqual(bytes.subarray(4), salted);
});

test('only the operator may declare, and workers may read the work queue but no dead letters', () => {
  const rights = new Map(definitions().permissions.map((each) => [each.user, each]));
  const may = (user: string, right: 'configure' | 'write' | 'read', name: string) =>
    new RegExp(rights.get(user)?.[right] ?? '^$').test(name);
  const queue = 'ordercache.shop.orders';
  for (const user of rights.keys()) assert.equal(may(user, 'configure', queue), user === 'operator', user);
  assert.ok(may('worker', 'read', queue) && may('worker', 'read', `${queue}.r2`));
  assert.ok(!may('worker', 'read', `${queue}.dead`));
  assert.ok(may('worker', 'write', 'amq.default') && may('worker', 'write', 'ordercache.delay.16s'));
  assert.ok(!may('worker', 'write', 'mes') && !may('operator', 'configure', 'mes'));
  assert.ok(may('operator', 'configure', 'crm') && may('operator', 'read', 'mes'));
  assert.ok(may('mes', 'write', 'mes') && !may('mes', 'write', 'crm') && !may('crm', 'write', 'mes'));
});
