import { Value } from 'typebox/value';
import { inputCheck } from './input-check.ts';
import { type InstallOptions, type InstallValues, installSchema } from './values-schema.ts';

const mistakes = inputCheck(installSchema);

/** Fills in the defaults. Throws an error that names the value, what was expected and what came. */
export function installValues(options: InstallOptions = {}): InstallValues {
  const found = mistakes(options);
  if (found.length > 0) throw new Error(found.join('; '));
  const values = Value.Default(installSchema, structuredClone(options)) as InstallValues;
  if (!values.clusterWide && values.watchNamespaces.length === 0)
    throw new Error('watchNamespaces: expected at least one namespace, or clusterWide: true, got []');
  return values;
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
