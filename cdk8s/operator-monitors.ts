import type { ApiObjectProps } from 'cdk8s';
import { type Identity, labelsOf, selectorLabels } from './operator-pod.ts';
import type { InstallValues } from './values-schema.ts';

/** Objects of the Prometheus Operator, which a cluster may or may not have. */

const API_VERSION = 'monitoring.coreos.com/v1';

export function serviceMonitor(identity: Identity, values: InstallValues): ApiObjectProps {
  const { interval, labels } = values.serviceMonitor;
  return {
    apiVersion: API_VERSION,
    kind: 'ServiceMonitor',
    metadata: metadata(identity, values, identity.name, labels),
    spec: {
      selector: { matchLabels: selectorLabels(identity.name) },
      endpoints: [{ port: 'metrics', path: '/metrics', interval }],
    },
  };
}

export function operatorPodMonitor(identity: Identity, values: InstallValues): ApiObjectProps {
  const { labels, interval } = values.podMonitor;
  return {
    apiVersion: API_VERSION,
    kind: 'PodMonitor',
    metadata: metadata(identity, values, identity.name, labels),
    spec: {
      selector: { matchLabels: selectorLabels(identity.name) },
      podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval }],
    },
  };
}

/** Workers and maintenance pods in the watched namespaces. */
export function workerPodMonitor(identity: Identity, values: InstallValues): ApiObjectProps {
  const { labels, interval } = values.podMonitor;
  const names = values.watchNamespaces.map(({ name }) => name);
  return {
    apiVersion: API_VERSION,
    kind: 'PodMonitor',
    metadata: metadata(identity, values, `${identity.name}-workers`, labels),
    spec: {
      namespaceSelector: values.clusterWide ? { any: true } : { matchNames: names },
      selector: { matchExpressions: [{ key: 'ordercache.io/policy', operator: 'Exists' }] },
      podMetricsEndpoints: [{ port: 'http', path: '/metrics', interval }],
    },
  };
}

function metadata(identity: Identity, values: InstallValues, name: string, more: Record<string, string>) {
  return { name, namespace: identity.namespace, labels: { ...more, ...labelsOf(identity, values) } };
}
