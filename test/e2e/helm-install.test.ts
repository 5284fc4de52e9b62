import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { bundle } from '../../build/bundle.ts';
import { imageValues } from '../../cdk8s/values.ts';
import { run } from '../cluster/command.ts';
import { ensureCluster, ensureHelm } from '../cluster/index.ts';
import {
  apply,
  dryRun,
  installDefinition,
  type Kubectl,
  makeNamespace,
  openKubectl,
} from '../integration/kubectl.ts';
import { eventually } from '../integration/operator-scene.ts';
import { ASSIGNED, podOf, readerFiles, readerOf, refusalOfChosenUsers } from './assigned-user.ts';

/**
 * The chart as a platform team installs it, with the rights that it grants and no others, on a platform that refuses
 * pods which choose their user.
 */

const root = join(import.meta.dirname, '../..');
/** Of its own: the rights on policies are cluster-wide, and another installation may be there. */
const RELEASE = 'order-cache-operator-e2e';

let kubectl: Kubectl;
let helm: (args: readonly string[], input?: string) => Promise<string>;
let image: string;
let home: Awaited<ReturnType<typeof makeNamespace>>;
let watched: Awaited<ReturnType<typeof makeNamespace>>;

before(async () => {
  const cluster = await ensureCluster();
  const program = await ensureHelm();
  await bundle();
  image = await cluster.provideImage({
    containerfile: join(root, 'Containerfile'),
    context: root,
    tag: 'localhost/order-cache-operator:e2e',
    inputs: [join(root, 'Containerfile'), join(root, 'dist/image')],
  });
  kubectl = await openKubectl();
  await installDefinition(kubectl);
  home = await makeNamespace(kubectl);
  watched = await makeNamespace(kubectl);
  await apply(kubectl, refusalOfChosenUsers(home.name, [home.name, watched.name]));
  helm = (args, input = '') =>
    run(program, ['--kubeconfig', cluster.kubeconfig, '--namespace', home.name, ...args], {
      input,
      deadlineMs: 240_000,
    });
});

after(async () => {
  const kinds = 'validatingadmissionpolicybinding,validatingadmissionpolicy';
  await kubectl(['delete', kinds, home.name, '--ignore-not-found']);
  await watched.remove();
  await home.remove();
});

/** The definition is left out: other tests on this cluster use it, and a release would take it over. */
function values(): string {
  return JSON.stringify({
    image: imageValues(image),
    installation: home.name,
    watchNamespaces: [{ name: watched.name }],
    replicaCount: 1,
    crds: { install: false },
    platform: { openshift: true },
  });
}

describe('pods on a platform that assigns the user', () => {
  it('are refused when they choose it, and admitted when they do not', async () => {
    await eventually(
      'the platform refuses',
      () =>
        assert.rejects(dryRun(kubectl, [podOf(image, watched.name, true)]), /the platform chooses the user/),
      60,
    );
    assert.match(await dryRun(kubectl, [podOf(image, watched.name, false)]), /"name": "worker"/);
  });

  it('run as any user, which can read configuration and Secrets', async () => {
    const assigned = await makeNamespace(kubectl);
    await apply(kubectl, [...readerFiles(assigned.name), readerOf(image, assigned.name)]);
    const phase = '--for=jsonpath={.status.phase}=Succeeded';
    await kubectl(['wait', phase, 'pod/reader', '-n', assigned.name, '--timeout=120s']);
    const said = await kubectl(['logs', 'reader', '-n', assigned.name]);
    assert.deepEqual(JSON.parse(said), { user: ASSIGNED, read: ['orders-db', 'rabbitmq', 'redis', '{}'] });
    await assigned.remove();
  });
});

describe('a release of the chart', () => {
  it('becomes ready', async () => {
    const chart = join(root, 'charts/order-cache-operator');
    const said = await helm(
      ['install', RELEASE, chart, '--values', '-', '--wait', '--timeout', '3m'],
      values(),
    );
    assert.match(said, new RegExp(`carries out the OrderCachePolicies of: ${watched.name}`));
  });

  it('says of a policy in a watched namespace what it lacks', async () => {
    const policy = parse(readFileSync(join(root, 'docs/examples/minimal-write-through.yaml'), 'utf8'));
    await apply(kubectl, [{ ...policy, metadata: { name: 'orders', namespace: watched.name } }]);
    const condition = '--for=jsonpath={.status.conditions[?(@.type=="Ready")].reason}=SecretNotFound';
    await kubectl(['wait', condition, 'ocp/orders', '-n', watched.name, '--timeout=150s']);
    const generation = await kubectl([
      'get',
      'ocp/orders',
      '-n',
      watched.name,
      '-o',
      'jsonpath={.status.observedGeneration}',
    ]);
    assert.equal(generation, '1');
  });

  it('is refused nothing by the API server', async () => {
    const logs = await kubectl(['logs', `deployment/${RELEASE}`, '-n', home.name]);
    assert.ok(logs.length > 0);
    assert.doesNotMatch(logs, /forbidden|answered 403/i);
  });

  it('passes its test', async () => {
    assert.match(await helm(['test', RELEASE, '--logs']), /readyz answered 200/);
  });

  it('is not removed while there is a policy, which is named', async () => {
    const refusal = new RegExp(`uninstall refused: OrderCachePolicies exist: ${watched.name}/orders`);
    const uninstall = helm(['uninstall', RELEASE, '--timeout', '3m']);
    const said = await uninstall.then(
      () => 'removed',
      (error: unknown) => String(error),
    );
    assert.match(said, refusal);
    const job = `job/${RELEASE}-uninstall-check`;
    assert.match(await kubectl(['logs', job, '-n', home.name]), refusal);
    assert.match(await kubectl(['get', 'deployment', '-n', home.name, '-o', 'name']), new RegExp(RELEASE));
  });

  it('lets the policy go', async () => {
    await kubectl(['delete', 'ocp/orders', '-n', watched.name, '--timeout=120s']);
    assert.equal(await kubectl(['get', 'ocp', '-n', watched.name, '-o', 'name']), '');
  });

  it('leaves nothing behind when it is removed, but its lease', async () => {
    await helm(['uninstall', RELEASE, '--wait', '--timeout', '2m']);
    const kinds = 'deployments,services,poddisruptionbudgets,roles,rolebindings,leases,jobs';
    for (const { name } of [home, watched]) {
      const left = await kubectl(['get', kinds, '-n', name, '-o', 'name']);
      assert.equal(left.replace('lease.coordination.k8s.io/order-cache-operator', '').trim(), '');
    }
    const roles = await kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    assert.ok(!roles.includes(home.name), roles);
  });
});
