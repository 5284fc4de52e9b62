import { installManifests } from '../cdk8s/manifests.ts';
import { imageValues } from '../cdk8s/values.ts';
import { inNoNamespace, marked } from './claim.ts';
import type { KubeObject } from './kubectl.ts';
import { NAMESPACE, OPERATOR_NAMESPACE } from './workload.ts';

/** The demo's installation in the order in which it is applied; each group must be there before the next. */
export interface Installation {
  readonly namespaces: readonly KubeObject[];
  readonly definitions: readonly KubeObject[];
  readonly objects: readonly KubeObject[];
}

/** `image`: as pods name it. Whatever is in no namespace carries the demo's mark. */
export function installation(image: string): Installation {
  const manifests = installManifests(
    {
      image: imageValues(image),
      watchNamespaces: [{ name: NAMESPACE }],
      workerLogLevel: 'debug',
      replicaCount: 1,
    },
    { namespace: OPERATOR_NAMESPACE, createNamespace: false },
  ) as KubeObject[];
  const isDefinition = ({ kind }: KubeObject) => kind === 'CustomResourceDefinition';
  return {
    namespaces: marked([OPERATOR_NAMESPACE, NAMESPACE].map(namespaceObject)),
    definitions: marked(manifests.filter(isDefinition)),
    objects: marked(manifests.filter((object) => !isDefinition(object))),
  };
}

/** Whatever the demo makes in no namespace. */
export function clusterScope(): KubeObject[] {
  const { namespaces, definitions, objects } = installation('any');
  return [...namespaces, ...definitions, ...objects].filter(inNoNamespace);
}

function namespaceObject(name: string): KubeObject {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
