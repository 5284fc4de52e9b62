import { definitionStays, leaving, reference } from './claim.ts';
import type { Kubectl, KubeObject } from './kubectl.ts';

/** Those of these objects that the cluster has, as it has them. Changes nothing. */
export async function existing(kubectl: Kubectl, objects: readonly KubeObject[]): Promise<KubeObject[]> {
  const said = await kubectl.run(['get', ...objects.map(reference), '--ignore-not-found', '-o', 'json']);
  return said === '' ? [] : itemsOf(JSON.parse(said) as KubeObject | { items: KubeObject[] });
}

/**
 * Takes away those of these objects that carry the demo's mark, and tells what stays and why. Policies first, while the
 * operator can still finish their deletion. Throws when a namespace is not gone within three minutes.
 */
export async function leave(
  kubectl: Kubectl,
  objects: readonly KubeObject[],
  tell: (sentence: string) => void,
): Promise<void> {
  const { policies, namespaces, rights, definitions, kept } = leaving(await existing(kubectl, objects));
  kept.forEach(tell);
  for (const { resource, namespace } of policies) {
    const all = ['delete', resource, '--all', '-n', namespace, '--timeout=50s'];
    await kubectl.run(all).catch((error: unknown) => tell(`policies are left in ${namespace}: ${error}`));
  }
  await remove(kubectl, namespaces, tell);
  await remove(kubectl, rights, tell);
  for (const definition of definitions) await leaveDefinition(kubectl, definition, tell);
}

async function leaveDefinition(
  kubectl: Kubectl,
  definition: KubeObject,
  tell: (sentence: string) => void,
): Promise<void> {
  const { items } = await kubectl.json<{ items: KubeObject[] }>(['get', definition.metadata.name, '-A']);
  const stays = definitionStays(
    definition,
    items.map(({ metadata }) => metadata),
  );
  if (stays === undefined) await remove(kubectl, [reference(definition)], tell);
  else tell(stays);
}

async function remove(
  kubectl: Kubectl,
  references: readonly string[],
  tell: (sentence: string) => void,
): Promise<void> {
  if (references.length === 0) return;
  const limits = { timeoutSeconds: 190 };
  await kubectl.run(['delete', ...references, '--ignore-not-found', '--timeout=180s'], limits);
  for (const gone of references) tell(`${gone} deleted`);
}

/** kubectl gives one object as it is, and several as a List. */
function itemsOf(said: KubeObject | { items: KubeObject[] }): KubeObject[] {
  return 'items' in said ? (said.items as KubeObject[]) : [said];
}
