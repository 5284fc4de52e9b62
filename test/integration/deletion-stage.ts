import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { parse, stringify } from 'yaml';
import { policyRules, watchRules } from '../../cdk8s/rbac.ts';
import { openSession, type Session } from '../../operator/kubernetes-session.ts';
import { type Scope, type TestRedis, type TestVhost, testRedis, testVhost } from '../servers/index.ts';
import { type Json, openScene, path, type Scene } from './operator-scene.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
/** All that the operator of a row may read. */
const SECRET_NAMES = ['rabbitmq', 'rabbitmq-admin', 'redis'];

/** What the rows of a file share: real servers, and an account with the rights of an installed operator. */
export interface DeletionStage {
  readonly rabbitmq: TestVhost;
  readonly cache: TestRedis;
  readonly redis: Redis;
  /** Of all operators: a claim of one is a claim of the others' installation. */
  readonly installation: string;
  /** As the operator's service account. */
  readonly session: Session;
  /** A namespace where the operator has its Role. */
  openNamespace(): Promise<Scene>;
}

export const ROLE_BINDING = 'order-cache-operator';
export const roleBindingPath = ({ namespace }: Scene) =>
  `${RBAC}/namespaces/${namespace}/rolebindings/${ROLE_BINDING}`;

export async function deletionStage(scope: Scope): Promise<DeletionStage> {
  const rabbitmq = await testVhost(scope);
  const cache = await testRedis(scope);
  const redis = new Redis(cache.uri, { commandTimeout: 5_000 });
  const home = await openScene();
  const account = { name: home.namespace, namespace: home.namespace };
  const subjects = [{ kind: 'ServiceAccount', ...account }];
  const clusterRole = `${RBAC}/clusterroles/${home.namespace}`;
  const clusterBinding = `${RBAC}/clusterrolebindings/${home.namespace}`;
  const rbac = 'rbac.authorization.k8s.io';
  const kubeconfig = join(tmpdir(), `ocp-deletion-${randomUUID()}.yaml`);
  await home.apply(path(home.namespace, 'serviceaccounts', account.name), {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: account,
  });
  await home.apply(clusterRole, {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata: { name: home.namespace },
    rules: policyRules(),
  });
  await home.apply(clusterBinding, {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: home.namespace },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: home.namespace },
    subjects,
  });
  await writeFile(kubeconfig, await kubeconfigOf(home, account), { mode: 0o600 });
  const session = openSession(kubeconfig);
  scope.after(async () => {
    redis.disconnect();
    await session.close();
    await home.delete(clusterBinding);
    await home.delete(clusterRole);
    await home[Symbol.asyncDispose]();
  });
  return {
    rabbitmq,
    cache,
    redis,
    installation: home.namespace,
    session,
    async openNamespace() {
      const scene = await openScene();
      const at = `${RBAC}/namespaces/${scene.namespace}`;
      await scene.apply(`${at}/roles/${ROLE_BINDING}`, {
        apiVersion: `${rbac}/v1`,
        kind: 'Role',
        metadata: { name: ROLE_BINDING },
        rules: watchRules(SECRET_NAMES),
      });
      await scene.apply(roleBindingPath(scene), {
        apiVersion: `${rbac}/v1`,
        kind: 'RoleBinding',
        metadata: { name: ROLE_BINDING },
        roleRef: { apiGroup: rbac, kind: 'Role', name: ROLE_BINDING },
        subjects,
      });
      return scene;
    },
  };
}

/** The test's own access with the token of the account in place of its login. */
async function kubeconfigOf(scene: Scene, account: { name: string; namespace: string }): Promise<string> {
  const reply = await scene.session.send({
    method: 'POST',
    path: `${path(account.namespace, 'serviceaccounts', account.name)}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 7_200 },
    },
    deadline: 10_000,
  });
  const { token } = (reply.body as Json).status as { token: string };
  const config = parse(await readFile(scene.kubeconfig, 'utf8')) as { users: { name: string }[] };
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  return stringify({ ...config, users });
}
