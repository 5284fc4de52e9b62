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
  installDefinition,
  type Kubectl,
  makeNamespace,
  openKubectl,
} from '../integration/kubectl.ts';

/** The chart as a platform team installs it, with the rights that it grants and no others. */

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
  helm = (args, input = '') =>
    run(program, ['--kubeconfig', cluster.kubeconfig, '--namespace', home.name, ...args], {
      input,
      deadlineMs: 240_000,
    });
});

after(async () => {
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
  });
}

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

  it('lets the policy go', async () => {
    await kubectl(['delete', 'ocp/orders', '-n', watched.name, '--timeout=50s']);
    assert.equal(await kubectl(['get', 'ocp', '-n', watched.name, '-o', 'name']), '');
  });

  it('leaves nothing behind when it is removed, but its lease', async () => {
    await helm(['uninstall', RELEASE, '--wait', '--timeout', '2m']);
    const kinds = 'deployments,services,poddisruptionbudgets,roles,rolebindings,leases';
    for (const { name } of [home, watched]) {
      const left = await kubectl(['get', kinds, '-n', name, '-o', 'name']);
      assert.equal(left.replace('lease.coordination.k8s.io/order-cache-operator', '').trim(), '');
    }
  });
});
