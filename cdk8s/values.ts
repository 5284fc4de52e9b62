import { Value } from 'typebox/value';
import { inputCheck } from './input-check.ts';
import { type InstallOptions, type InstallValues, installSchema } from './values-schema.ts';

const mistakes = inputCheck(installSchema);

/** Values that had another name in 0.1.0, and what they are called now. */
export const RENAMED: Readonly<Record<string, string>> = {
  replicas: 'replicaCount',
  imagePullPolicy: 'image.pullPolicy',
  serviceAccountAnnotations: 'serviceAccount.annotations',
};

/** Fills in the defaults. Throws an error that names the value, what was expected and what came. */
export function installValues(options: InstallOptions = {}): InstallValues {
  const found = [...renamed(options), ...mistakes(options)];
  if (found.length > 0) throw new Error(found.join('; '));
  const values = Value.Default(installSchema, structuredClone(options)) as InstallValues;
  if (!values.clusterWide && values.watchNamespaces.length === 0)
    throw new Error('watchNamespaces: expected at least one namespace, or clusterWide: true, got []');
  if (!values.serviceAccount.create && values.serviceAccount.name === '')
    throw new Error('serviceAccount.name: expected the name of an existing service account, got ""');
  return {
    ...values,
    watchNamespaces: distinct(values),
    podSecurityContext: merged(DEFAULTS.podSecurityContext, values.podSecurityContext),
    securityContext: merged(DEFAULTS.securityContext, values.securityContext),
  };
}

const DEFAULTS = Value.Default(installSchema, {}) as InstallValues;

function renamed(options: object): string[] {
  const old = Object.keys(options).filter((name) => name in RENAMED);
  return old.map((name) => `${name}: is called ${RENAMED[name]} now`);
}

/** Entries of one name are one, with the Secrets of all of them. */
function distinct({ watchNamespaces, secretNames }: InstallValues): InstallValues['watchNamespaces'] {
  const byName = new Map<string, string[]>();
  for (const watched of watchNamespaces) {
    const names = [...(byName.get(watched.name) ?? []), ...(watched.secretNames ?? secretNames)];
    byName.set(watched.name, [...new Set(names)]);
  }
  return [...byName].map(([name, names]) => ({ name, secretNames: names }));
}

type Json = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As Helm does it: maps are merged, anything else is replaced, null removes. */
function merged(defaults: Json, given: Json): Record<string, unknown> {
  const entries = Object.entries({ ...defaults, ...given }).map(([key, value]): [string, unknown] => {
    const inner = defaults[key];
    return [key, isMap(inner) && isMap(value) ? merged(inner, value) : value];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}

/** An image as the values have it. */
export interface ImageValues {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const REFERENCE = /^(?<repository>[^\s@]+?)(?::(?<tag>[\w][\w.-]*))?(?:@(?<digest>sha256:[a-f0-9]{64}))?$/;

/** Reads `registry/name:tag@digest`. Throws when it is no image reference. */
export function imageValues(reference: string): ImageValues {
  const groups = REFERENCE.exec(reference)?.groups;
  if (groups === undefined)
    throw new Error(
      `image: expected <repository>[:<tag>][@sha256:<digest>], got ${JSON.stringify(reference)}`,
    );
  const { repository = '', tag = '', digest = '' } = groups;
  return { repository, tag, digest };
}

/** `repository@digest`, or `repository:tag`. */
export function imageReference({ repository, tag, digest }: ImageValues, defaultTag: string): string {
  return digest === '' ? `${repository}:${tag || defaultTag}` : `${repository}@${digest}`;
}
