import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { installManifests, type Manifest, manifestsYaml } from '../../cdk8s/manifests.ts';
import { apply, dryRun, installDefinition, type Kubectl, makeNamespace, openKubectl } from './kubectl.ts';

/** The install manifests on a real API server: admitted, and with the rights that they promise and no others. */

let kubectl: Kubectl;
let home: Awaited<ReturnType<typeof makeNamespace>>;
let watched: Awaited<ReturnType<typeof makeNamespace>>;
let manifests: Manifest[];

before(async () => {
  kubectl = await openKubectl();
  await installDefinition(kubectl);
  home = await makeNamespace(kubectl);
  watched = await makeNamespace(kubectl);
  const values = { watchNamespaces: [{ name: watched.name }], replicaCount: 0 };
  manifests = installManifests(values, { namespace: home.name, createNamespace: false });
  await apply(kubectl, manifests);
});

after(async () => {
  const cluster = ['ClusterRole', 'ClusterRoleBinding'];
  const left = manifests.filter(({ kind }) => cluster.includes(kind));
  await kubectl(['delete', ...left.map(({ kind, metadata }) => `${kind}/${metadata.name}`)]);
  await home.remove();
  await watched.remove();
});

/** `<verb> <resource>[.<group>][/<subresource>][ <name>]` */
type Right = string;

/** Which of these the operator's service account has in the namespace, all asked in one call. */
async function granted(rights: readonly Right[], namespace: string): Promise<Right[]> {
  const user = `system:serviceaccount:${home.name}:order-cache-operator`;
  const items = rights.map((right) => ({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, resourceAttributes: { ...attributesOf(right), namespace } },
  }));
  const review = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const said = await kubectl(['create', '-f', '-', '-o', 'jsonpath={.status.allowed}{"\\n"}'], review);
  const answers = said.trim().split('\n');
  assert.equal(answers.length, rights.length, said);
  return rights.filter((_, index) => answers[index] === 'true');
}

function attributesOf(right: Right): Record<string, string> {
  const [verb = '', what = '', name = ''] = right.split(' ');
  const [typeAndGroup = '', subresource = ''] = what.split('/');
  const [resource = '', ...group] = typeAndGroup.split('.');
  return { verb, resource, group: group.join('.'), subresource, name };
}

/** In every namespace, so that a policy can be let go when its namespace and the Role in it are deleted. */
const ON_POLICIES: readonly Right[] = [
  'list ordercachepolicies.ordercache.io',
  'watch ordercachepolicies.ordercache.io',
  'patch ordercachepolicies.ordercache.io',
  'patch ordercachepolicies.ordercache.io/status',
];

const NEEDED: readonly Right[] = [
  ...ON_POLICIES,
  'update ordercachepolicies.ordercache.io/finalizers',
  'create deployments.apps',
  'patch configmaps',
  'patch serviceaccounts',
  'patch poddisruptionbudgets.policy',
  'list pods',
  'create events.events.k8s.io',
  'get secrets rabbitmq-admin',
  'get secrets redis',
];

const FORBIDDEN: readonly Right[] = [
  'get secrets another',
  'list secrets',
  'watch secrets redis',
  'create secrets',
  'patch secrets redis',
  'create pods',
  'delete pods',
  'create pods/exec',
  'delete deployments.apps',
  'delete ordercachepolicies.ordercache.io',
  'create rolebindings.rbac.authorization.k8s.io',
  'create serviceaccounts/token',
];

describe('the install manifests', () => {
  it('are read back from YAML as what the API server accepts, strict about unknown fields', async () => {
    const read = parseAllDocuments(manifestsYaml(manifests)).map((document) => document.toJS());
    assert.match(await dryRun(kubectl, read), /"kind": "Deployment"/);
  });

  it('are accepted with rights in the whole cluster', async () => {
    const target = { namespace: home.name, name: `${home.name}-wide`, createNamespace: false };
    const said = await dryRun(
      kubectl,
      installManifests({ clusterWide: true, crds: { install: false } }, target),
    );
    assert.match(said, /"kind": "ClusterRoleBinding"/);
  });

  it('make a pod that Pod Security restricted admits', async () => {
    const deployment = manifests.find(({ kind }) => kind === 'Deployment');
    assert.ok(deployment);
    const { template } = deployment.spec as { template: { metadata: object; spec: object } };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...template.metadata, name: 'admitted', namespace: home.name },
      spec: template.spec,
    };
    assert.match(await dryRun(kubectl, [pod]), /"name": "admitted"/);
    const privileged = { ...pod, spec: { ...template.spec, securityContext: {} } };
    await assert.rejects(dryRun(kubectl, [privileged]), /violates PodSecurity/);
  });

  it('let the operator do in a watched namespace what it does there, and nothing else', async () => {
    assert.deepEqual(await granted([...NEEDED, ...FORBIDDEN], watched.name), NEEDED);
  });

  it('let it touch nothing but policies in a namespace that is not watched', async () => {
    assert.deepEqual(await granted([...NEEDED, ...FORBIDDEN], 'kube-system'), ON_POLICIES);
  });

  it('let it hold its own lease, and no other', async () => {
    const lease = 'leases.coordination.k8s.io';
    const own = [
      `create ${lease}`,
      `get ${lease} order-cache-operator`,
      `update ${lease} order-cache-operator`,
    ];
    assert.deepEqual(
      await granted([...own, `update ${lease} another`, `delete ${lease} another`], home.name),
      own,
    );
    assert.deepEqual(await granted(own, watched.name), []);
  });
});
