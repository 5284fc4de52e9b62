import type { KubeObject } from './kubectl.ts';

/**
 * What is the demo's in a cluster that others use, too: whatever is in no namespace, namespaces themselves included,
 * and carries this label. What does not carry it is neither changed nor deleted.
 */
export const MARK = { label: 'order-cache-demo', value: 'true' } as const;

const NAMESPACE_KIND = 'Namespace';
const DEFINITION_KIND = 'CustomResourceDefinition';

/** The same objects; those in no namespace carry the mark. */
export function marked(objects: readonly KubeObject[]): KubeObject[] {
  return objects.map((object) => (inNoNamespace(object) ? withMark(object) : object));
}

export function inNoNamespace({ metadata }: KubeObject): boolean {
  return metadata.namespace === undefined;
}

/** As kubectl takes it and says it. */
export function reference({ kind, metadata }: KubeObject): string {
  return `${kind.toLowerCase()}/${metadata.name}`;
}

/** Why the demo must not begin in the user's cluster where these are found already; undefined when it may. */
export function refusal(context: string, found: readonly KubeObject[]): string | undefined {
  const strangers = found.filter((object) => !isMarked(object));
  if (strangers.length === 0) return undefined;
  return `context ${context}: the demo would overwrite, and make clean delete, what is not the demo's:
${strangers.map((object) => `  ${reference(object)}: ${whatIsWrong(object)}`).join('\n')}
Nothing was changed. Name another context, or none for a cluster of the demo's own. If these are no one's and the demo
may change and delete them:
${strangers.map((object) => `  kubectl --context ${context} label --overwrite ${reference(object)} ${MARK.label}=${MARK.value}`).join('\n')}`;
}

/** What clean takes away, in this order. `definitions` only after another look: `definitionStays`. */
export interface Leaving {
  /** Custom objects in the demo's namespaces, while their operator is there to let them go. */
  readonly policies: readonly { readonly resource: string; readonly namespace: string }[];
  readonly namespaces: readonly string[];
  /** ClusterRoles and their bindings. */
  readonly rights: readonly string[];
  readonly definitions: readonly KubeObject[];
  /** Sentences on what is not the demo's. */
  readonly kept: readonly string[];
}

export function leaving(found: readonly KubeObject[]): Leaving {
  const ours = found.filter(isMarked);
  const namespaces = ours.filter(isNamespace);
  const resources = found.filter(isDefinition).map(({ metadata }) => metadata.name);
  return {
    policies: namespaces.flatMap(({ metadata }) =>
      resources.map((resource) => ({ resource, namespace: metadata.name })),
    ),
    namespaces: namespaces.map(reference),
    rights: ours.filter((object) => !isNamespace(object) && !isDefinition(object)).map(reference),
    definitions: ours.filter(isDefinition),
    kept: found
      .filter((object) => !isMarked(object))
      .map((object) => `${reference(object)} stays: ${whatIsWrong(object)}`),
  };
}

/**
 * Why a definition of the demo's stays when the demo's namespaces are gone: deleting it would delete the objects that
 * others have made of it. Undefined when there are none.
 */
export function definitionStays(
  definition: KubeObject,
  left: readonly KubeObject['metadata'][],
): string | undefined {
  if (left.length === 0) return undefined;
  const names = left.map(({ namespace, name }) => (namespace === undefined ? name : `${namespace}/${name}`));
  const more = names.length > 5 ? `, and ${names.length - 5} more` : '';
  return `${reference(definition)} stays, since deleting it would delete ${names.slice(0, 5).join(', ')}${more}`;
}

function isMarked({ metadata }: KubeObject): boolean {
  return metadata.labels?.[MARK.label] === MARK.value;
}

function whatIsWrong({ metadata }: KubeObject): string {
  const value = metadata.labels?.[MARK.label];
  const found = value === undefined ? 'no such label' : `${MARK.label}=${value}`;
  return `expected the demo's label ${MARK.label}=${MARK.value}, found ${found}`;
}

function withMark(object: KubeObject): KubeObject {
  const labels = { ...object.metadata.labels, [MARK.label]: MARK.value };
  return { ...object, metadata: { ...object.metadata, labels } };
}

const isNamespace = ({ kind }: KubeObject) => kind === NAMESPACE_KIND;
const isDefinition = ({ kind }: KubeObject) => kind === DEFINITION_KIND;
