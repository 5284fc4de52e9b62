import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../build/bundle.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { ensureCluster, ensureHelm } from '../cluster/index.ts';
import { fences, ROOT, read, section } from '../fixtures/docs-pages.ts';
import { installDefinition, openKubectl } from '../integration/kubectl.ts';
import { administratorsPrograms, SERVERS_NAMESPACE, startOwnServers } from './own-servers.ts';
import { assertShows, PageSession } from './page-session.ts';

/** docs/getting-started.md from its first command to its last, and what it says of Helm's refusals. */

const page = read('docs/getting-started.md');
const headings = [...page.matchAll(/^## (\d\. .*)$/gm)].map(([, heading = '']) => heading);
const DEFINITION = 'crd/ordercachepolicies.ordercache.io';
const NAMESPACES = ['webshop', 'order-cache'];
const RELEASE = ['order-cache-operator', '--namespace', 'order-cache'];

let kubectl: Kubectl;
let session: PageSession;

before(async () => {
  const cluster = await ensureCluster();
  kubectl = new Kubectl(cluster);
  await installDefinition(await openKubectl());
  const helm = await ensureHelm();
  await bundle();
  const [, image = '', tag = ''] = /IMAGE=(\S+) TAG=(\S+)/.exec(page) ?? [];
  await cluster.provideImage({
    containerfile: join(ROOT, 'Containerfile'),
    context: ROOT,
    tag: `${image}:${tag}`,
    inputs: [join(ROOT, 'Containerfile'), join(ROOT, 'dist/image')],
  });
  const flag = `--kubeconfig='${cluster.kubeconfig}'`;
  const commands = {
    kubectl: `exec '${cluster.kubectl}' ${flag} "$@"`,
    helm: `exec '${helm}' ${flag} "$@"`,
  };
  await remove(new PageSession(commands, ROOT));
  await startOwnServers(kubectl, await cluster.serverImages());
  session = new PageSession({ ...commands, ...(await administratorsPrograms(kubectl)) }, ROOT);
});

after(async () => {
  await remove(session);
  session.close();
});

/** Also what a run that was broken off has left. */
async function remove(shell: PageSession): Promise<void> {
  const policy = 'ocp orders -n webshop';
  await shell.run(`
    kubectl delete ${policy} --ignore-not-found --timeout=40s ||
      kubectl patch ${policy} --type=merge -p '{"metadata": {"finalizers": null}}'
    helm uninstall ${RELEASE.join(' ')} --ignore-not-found --wait --no-hooks
    kubectl delete namespace ${[...NAMESPACES, SERVERS_NAMESPACE].join(' ')} --ignore-not-found --timeout=120s
    kubectl label ${DEFINITION} app.kubernetes.io/managed-by-
    kubectl annotate ${DEFINITION} meta.helm.sh/release-name- meta.helm.sh/release-namespace- helm.sh/resource-policy-`);
}

/** The blocks of one language below a heading. */
function blocks(heading: string, language: string): string[] {
  return fences(section(page, heading)).flatMap((fence) =>
    fence.language === language ? fence.content : [],
  );
}

/** Runs the commands of a section. What each block shows, the page shows after it. */
async function follow(heading: string): Promise<void> {
  const found = fences(section(page, heading));
  for (const [index, { language, content }] of found.entries()) {
    if (language !== 'sh') continue;
    const expected = found[index + 1]?.language === '' ? found[index + 1]?.content : undefined;
    const isLook = !/\b(create|apply|EVAL|SETUSER|curl|psql|rabbitmqctl|helm)\b/.test(content);
    if (isLook) await eventuallyShows(content, expected);
    else {
      const shown = await session.run(content);
      if (expected !== undefined) assertShows(shown, expected);
    }
  }
}

/** A block that changes nothing may be typed again: a worker takes a moment, and numbers are written every ten seconds. */
async function eventuallyShows(block: string, expected = ''): Promise<void> {
  let shown = '';
  const equal = async () => {
    shown = await session.run(block);
    if (expected !== '') assertShows(shown, expected);
    return true;
  };
  await kubectl.until('what the page shows', 60, equal).catch(() => assertShows(shown, expected));
}

describe("Helm's refusals on the page", () => {
  const [install = ''] = blocks('6. The operator', 'sh');
  const [missing = '', byHand = ''] = blocks('When Helm refuses', 'text');
  const [create = '', handOver = ''] = blocks('When Helm refuses', 'bash');

  it('are that of a definition which was applied by hand, until it is handed to the release', async () => {
    await follow('1. Names and passwords');
    await assert.rejects(session.run(install), new RegExp(escaped(byHand)));
    await session.run(`${install.trimEnd()} --take-ownership --dry-run=server`);
    await session.run(handOver);
  });

  it('are that of a namespace which is missing, and which the page creates', async () => {
    await assert.rejects(session.run(install), new RegExp(escaped(missing)));
    assert.equal(blocks('5. The namespace and its four Secrets', 'sh')[0]?.split('\n')[0], create.trim());
  });
});

function escaped(text: string): string {
  return text.trim().replaceAll(/[.()"]/g, '\\$&');
}

describe('docs/getting-started.md', () => {
  for (const heading of headings) it(heading, () => follow(heading));

  it('is removed by its last commands', async () => {
    await follow('Remove it');
    for (const name of NAMESPACES)
      assert.equal(await kubectl.run(['get', 'namespace', name, '--ignore-not-found']), '');
    const cluster = ['get', 'clusterroles,clusterrolebindings', '-o', 'name'];
    assert.doesNotMatch(await kubectl.run(cluster), /order-cache-order-cache-operator/);
  });
});
