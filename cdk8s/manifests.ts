import { readFileSync } from 'node:fs';
import { App } from 'cdk8s';
import { stringify } from 'yaml';
import { OrderCacheOperator } from './operator.ts';
import { installValues } from './values.ts';
import type { InstallOptions } from './values-schema.ts';

/** A Kubernetes object as plain JSON. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface InstallTarget {
  /** Default: order-cache-system. */
  readonly namespace?: string;
  /** Of every object. Default: order-cache-operator. */
  readonly name?: string;
  /** Whether the namespace is one of the objects. Default: true. */
  readonly createNamespace?: boolean;
}

export const OPERATOR_NAME = 'order-cache-operator';
export const OPERATOR_NAMESPACE = 'order-cache-system';

/** The version of this package, which chart, image and labels share. */
export function packageVersion(): string {
  const file = new URL('../package.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

/**
 * The objects of an installation, in the order in which they can be applied: what
 * install/order-cache-operator.yaml holds, for other values.
 * Throws an error that names the value that is wrong.
 */
export function installManifests(options: InstallOptions = {}, target: InstallTarget = {}): Manifest[] {
  const { name = OPERATOR_NAME, namespace = OPERATOR_NAMESPACE } = target;
  const operator = new OrderCacheOperator(new App(), 'operator', {
    name,
    namespace,
    clusterName: `${namespace}-${name}`,
    createNamespace: target.createNamespace ?? true,
    version: packageVersion(),
    values: installValues(options),
  });
  return operator.toJson();
}

/** Objects as a stream of YAML documents. */
export function manifestsYaml(manifests: readonly object[]): string {
  return manifests.map((manifest) => `---\n${stringify(manifest, { lineWidth: 0 })}`).join('');
}
