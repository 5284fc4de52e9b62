import Type, { type Static } from 'typebox';
import { type Input, oneOf, stringMap, text, withDefault } from '../api/schema.ts';
import {
  crds,
  DNS_LABEL,
  image,
  kubernetesList,
  kubernetesObject,
  LOG_LEVELS,
  networkPolicy,
  objectName,
  platform,
  podDisruptionBudget,
  podMonitor,
  podSecurityContext,
  rbac,
  resources,
  secretNames,
  securityContext,
  serviceAccount,
  serviceMonitor,
  watchedNamespace,
  workerImage,
} from './values-parts.ts';

/**
 * The values of an installation: one schema, from which come the options of the install constructs, the chart's
 * values.yaml with its comments, and its values.schema.json.
 */

/** What a policy refers to in docs/examples/orders.yaml. */
export const USUAL_SECRETS = ['rabbitmq', 'rabbitmq-admin', 'redis', 'orders-db'] as const;

export const installSchema = Type.Object(
  {
    image,
    workerImage,
    imagePullSecrets: withDefault(
      Type.Array(Type.Object({ name: objectName('Name of a Secret.') }), {
        maxItems: 20,
        description:
          'Secrets for pulling the image, which must exist in the namespace of the operator and in each watched one.',
      }),
      [],
    ),
    installation: withDefault(
      text(
        'Name of this installation, the first part of the mark of ownership on queues and in Redis. It must be unique ' +
          'among all clusters that share a broker or a Redis, and stay the same over upgrades. Empty: the UID of the ' +
          'namespace kube-system, which is so by itself.',
        { pattern: `^$|${DNS_LABEL}`, maxLength: 63 },
      ),
      '',
    ),
    watchNamespaces: withDefault(
      Type.Array(watchedNamespace, {
        maxItems: 1000,
        description:
          'Namespaces whose policies are carried out. The operator gets a Role in each; everywhere else it has rights ' +
          'on policies only. An entry may have its own secretNames.',
      }),
      [{ name: 'default' }],
    ),
    secretNames: withDefault(
      secretNames(
        'Secrets that policies may refer to, in each namespace that does not list its own. The operator can read ' +
          'no others.',
      ),
      [...USUAL_SECRETS],
    ),
    clusterWide: withDefault(
      Type.Boolean({
        description:
          'Watches all namespaces, with a ClusterRole instead of Roles; watchNamespaces is then ignored.',
      }),
      false,
    ),
    replicaCount: withDefault(
      Type.Integer({
        minimum: 0,
        maximum: 5,
        description: 'Operator pods. One works; the others stand by to take over.',
      }),
      2,
    ),
    logLevel: withDefault(oneOf(LOG_LEVELS, 'Log level of the operator.'), 'info'),
    workerLogLevel: withDefault(oneOf(LOG_LEVELS, 'Log level of workers and maintenance pods.'), 'info'),
    serviceAccount,
    workerServiceAccountAnnotations: withDefault(
      stringMap(32, 'Annotations of the service accounts of the workers.'),
      {},
    ),
    rbac,
    commonLabels: withDefault(
      stringMap(32, "Labels of every object and of the operator pods. The chart's own labels win."),
      {},
    ),
    podLabels: withDefault(stringMap(32, 'Labels of the operator pods.'), {}),
    podAnnotations: withDefault(stringMap(32, 'Annotations of the operator pods.'), {}),
    platform,
    podSecurityContext,
    securityContext,
    extraEnv: withDefault(
      kubernetesList('More environment variables of the operator container, a proxy for example.'),
      [],
    ),
    resources,
    nodeSelector: withDefault(stringMap(32, 'Node labels that operator pods need.'), {}),
    tolerations: withDefault(kubernetesList('Taints that operator pods tolerate.'), []),
    affinity: withDefault(kubernetesObject('Affinity of the operator pods.'), {}),
    topologySpreadConstraints: withDefault(
      kubernetesList('Empty: operator pods are spread over nodes where that is possible.'),
      [],
    ),
    priorityClassName: withDefault(
      text('PriorityClass of the operator pods. Empty: that of the cluster.', { maxLength: 253 }),
      '',
    ),
    podDisruptionBudget,
    serviceMonitor,
    podMonitor,
    networkPolicy,
    crds,
  },
  { description: 'Values of the order cache operator.' },
);

/** Every value, defaults filled in. */
export type InstallValues = Static<typeof installSchema>;
/** What an installer writes: everything may be left out. */
export type InstallOptions = Input<typeof installSchema>;
