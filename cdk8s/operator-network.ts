import type { ApiObjectProps } from 'cdk8s';
import { type Identity, labelsOf, OPERATOR_PORT, selectorLabels } from './operator-pod.ts';
import type { InstallValues } from './values-schema.ts';

/** Probes of the kubelet are not subject to it. */
export function networkPolicy(identity: Identity, values: InstallValues): ApiObjectProps {
  const { name, namespace } = identity;
  const { ingressFrom, egress } = values.networkPolicy;
  const ports = [{ protocol: 'TCP', port: OPERATOR_PORT }];
  // `helm test` reads /readyz from a pod of the release.
  const own = { podSelector: { matchLabels: { 'app.kubernetes.io/instance': name } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: labelsOf(identity, values) },
    spec: {
      podSelector: { matchLabels: selectorLabels(name) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [ingressFrom.length === 0 ? { ports } : { ports, from: [...ingressFrom, own] }],
      egress,
    },
  };
}
