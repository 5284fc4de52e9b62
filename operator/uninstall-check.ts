import { KubernetesClient, KubernetesError } from './kubernetes-client.ts';
import { POLICY } from './kubernetes-objects.ts';
import { openSession } from './kubernetes-session.ts';

/**
 * `node operator.js uninstall-check [namespace ...]`: what a release runs before it is removed (docs/adr/0010).
 * A policy has a finalizer that only the operator removes: without it, the deletion of a policy never ends.
 */

type PolicyLister = Pick<KubernetesClient, 'listPage'>;

const PAGE = 500;
const NAMED = 5;

/** Why the operator may not be removed yet, in one line; undefined when it may. No namespaces: all of them. */
export async function uninstallRefusal(
  client: PolicyLister,
  namespaces: readonly string[],
): Promise<string | undefined> {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  const found = (await Promise.all(places.map((namespace) => policiesIn(client, namespace)))).flat().sort();
  if (found.length === 0) return undefined;
  const named = found.slice(0, NAMED).join(', ');
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : '';
  return (
    `uninstall refused: OrderCachePolicies exist: ${named}${more}. Without the operator their deletion never ends. ` +
    'Delete them, wait until they are gone, then uninstall again; or uninstall with --no-hooks'
  );
}

async function policiesIn(client: PolicyLister, namespace: string | undefined): Promise<string[]> {
  const names: string[] = [];
  let next: string | undefined;
  do {
    const query = { limit: `${PAGE}`, ...(next === undefined ? {} : { continue: next }) };
    const page = await client.listPage(POLICY, namespace, query).catch(emptyWithoutDefinition);
    names.push(...page.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
    next = page.next;
  } while (next !== undefined);
  return names;
}

/** Without the CustomResourceDefinition there is no policy. */
function emptyWithoutDefinition(error: unknown) {
  if (error instanceof KubernetesError && error.failure === 'NotFound')
    return { items: [], resourceVersion: '', next: undefined };
  throw error;
}

/** The exit status of the command. */
export async function runUninstallCheck(namespaces: readonly string[]): Promise<number> {
  const session = openSession();
  try {
    const client = new KubernetesClient(session, () => {
      throw new Error('uninstall-check writes nothing');
    });
    const refusal = await uninstallRefusal(client, namespaces);
    process.stdout.write(`${refusal ?? 'no OrderCachePolicy is left'}\n`);
    return refusal === undefined ? 0 : 1;
  } finally {
    await session.close();
  }
}
