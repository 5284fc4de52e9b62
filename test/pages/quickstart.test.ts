import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../build/bundle.ts';
import { inNoNamespace, reference } from '../../demo/claim.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { quickstartCopy } from '../../demo/quickstart/copy.ts';
import { operatorObjects, QUICKSTART_NAMESPACE } from '../../demo/quickstart/manifests.ts';
import { ensureCluster } from '../cluster/index.ts';
import { fences, ROOT, read } from '../fixtures/docs-pages.ts';
import { installDefinition, openKubectl } from '../integration/kubectl.ts';
import { assertShows, PageSession } from './page-session.ts';

/** docs/quickstart.md: its commands as they stand, and what quickstart/ does on a cluster. */

const found = fences(read('docs/quickstart.md'));
const [applied, waited, logs, removed] = found.filter(({ language }) => language === 'sh');
const IN_NAMESPACE = ['-n', QUICKSTART_NAMESPACE];
/** Other tests use the definition meanwhile. */
const WITHOUT_DEFINITION = `patches:
  - patch: |
      $patch: delete
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata: { name: ordercachepolicies.ordercache.io }
`;

let kubectl: Kubectl;
let copy: ReturnType<typeof quickstartCopy>;
let session: PageSession;

before(async () => {
  const cluster = await ensureCluster();
  kubectl = new Kubectl(cluster);
  await installDefinition(await openKubectl());
  await bundle();
  const image = await cluster.provideImage({
    containerfile: join(ROOT, 'Containerfile'),
    context: ROOT,
    tag: 'localhost/order-cache-operator:e2e',
    inputs: [join(ROOT, 'Containerfile'), join(ROOT, 'dist/image')],
  });
  copy = quickstartCopy(image, await cluster.serverImages());
  const program = `exec '${cluster.kubectl}' --kubeconfig='${cluster.kubeconfig}' "$@"`;
  session = new PageSession({ kubectl: program }, copy.directory);
  await remove();
});

after(async () => {
  await remove();
  session.close();
  copy.remove();
});

/** Also what a run that was broken off has left. */
async function remove(): Promise<void> {
  const policy = ['delete', 'ocp', 'orders', ...IN_NAMESPACE, '--ignore-not-found', '--timeout=60s'];
  await kubectl.run(policy, { timeoutSeconds: 70 });
  const objects = operatorObjects().filter(inNoNamespace);
  const ours = objects.filter(({ kind }) => kind !== 'CustomResourceDefinition').map(reference);
  await kubectl.run(['delete', ...ours, '--ignore-not-found', '--timeout=120s'], { timeoutSeconds: 130 });
}

interface Read {
  readonly status: string;
  readonly from: string;
  readonly row: string;
}

/** The last lines of the shop, of those that it has written since this moment. */
async function reads(count: number): Promise<Read[]> {
  const since = ['--since-time', new Date().toISOString()];
  const args = ['logs', 'deployment/shop', '-c', 'shop', ...IN_NAMESPACE, ...since];
  let lines: string[] = [];
  await kubectl.until(`${count} reads`, 60, async () => {
    lines = (await kubectl.run(args)).trim().split('\n');
    return lines.length >= count;
  });
  return lines.slice(-count).map(readLine);
}

function readLine(line: string): Read {
  const match = /^A-\d+ is (?<status>\w+), from the (?<from>cache|database); its row says (?<row>\w+)$/.exec(
    line,
  );
  assert.ok(match?.groups, `the shop says: ${line}`);
  const { status = '', from = '', row = '' } = match.groups;
  return { status, from, row };
}

describe('quickstart/', () => {
  it('is applied by one call, and its policy becomes Ready', async () => {
    await session.run(applied?.content ?? '');
    const shown = await session.run(waited?.content ?? '', 440_000);
    assertShows(shown, found.filter(({ language }) => language === '')[1]?.content ?? '');
  });

  it('has a shop that reads from the cache what MES changes', async () => {
    await kubectl.run(['rollout', 'status', 'deployment/mes', ...IN_NAMESPACE, '--timeout=60s']);
    await kubectl.until('reads from the cache', 60, async () =>
      (await reads(5)).some(({ from }) => from === 'cache'),
    );
    const changes = await kubectl.run(['logs', 'deployment/mes', ...IN_NAMESPACE, '--tail=5']);
    assert.match(changes, /^A-\d+ is (IN_PRODUCTION|SHIPPED|DELIVERED|CREATED)$/m);
    const shown = (await session.run(logs?.content ?? '')).trim().split('\n');
    const example = found.find(({ language }) => language === 'text')?.content ?? '';
    for (const line of [...shown, ...example.trim().split('\n')]) readLine(line);
  });

  it('keeps every record equal to its row once MES is quiet', async () => {
    await kubectl.run(['scale', 'deployment/mes', ...IN_NAMESPACE, '--replicas=0']);
    const gone = ['wait', 'pods', ...IN_NAMESPACE, '-l', 'app.kubernetes.io/name=mes', '--for=delete'];
    await kubectl.run([...gone, '--timeout=60s']);
    const differing = async () => (await reads(10)).filter(({ status, row }) => status !== row);
    await kubectl.until(
      'events that are under way are carried out',
      60,
      async () => (await differing()).length === 0,
    );
    const settled = await reads(20);
    assert.deepEqual(
      settled.filter(({ status, row }) => status !== row),
      [],
    );
    assert.ok(settled.filter(({ from }) => from === 'cache').length > 0);
  });

  it('is removed by the commands of the page, and leaves nothing', async () => {
    appendFileSync(join(copy.directory, 'quickstart/kustomization.yaml'), WITHOUT_DEFINITION);
    await session.run(removed?.content ?? '');
    const objects = operatorObjects().filter(inNoNamespace);
    const left = await kubectl.run(['get', ...objects.map(reference), '--ignore-not-found', '-o', 'name']);
    assert.equal(
      left.trim(),
      'customresourcedefinition.apiextensions.k8s.io/ordercachepolicies.ordercache.io',
    );
  });
});
