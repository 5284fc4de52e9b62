import Type from 'typebox';
import { objectOfDefaults, oneOf, quantity, stringMap, text, withDefault } from '../api/schema.ts';

/** The parts of the values' schema, in the order in which values.yaml has them. */

export const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_NAME = '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$';
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** An object that Kubernetes itself checks. */
export const kubernetesObject = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', description });
/** A list of objects that Kubernetes itself checks. */
export const kubernetesList = (description: string) =>
  Type.Unsafe<Record<string, unknown>[]>({ type: 'array', items: { type: 'object' }, description });

export const objectName = (description: string) =>
  text(description, { pattern: DNS_NAME, minLength: 1, maxLength: 253 });

/** Never empty: a rule with an empty list of resourceNames allows every Secret. */
export const secretNames = (description: string) =>
  Type.Array(objectName('Name of a Secret.'), {
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
    description,
  });

export const watchedNamespace = Type.Object({
  name: text('Name of the namespace, which must exist.', { pattern: DNS_LABEL, minLength: 1, maxLength: 63 }),
  secretNames: Type.Optional(secretNames('Secrets that policies in this namespace refer to.')),
});

const tag = text("Tag. Empty: the chart's appVersion.", {
  pattern: '^([A-Za-z0-9_][A-Za-z0-9_.-]*)?$',
  maxLength: 128,
});
const digest = text('Digest, which wins over the tag.', {
  pattern: '^(sha256:[a-f0-9]{64})?$',
  maxLength: 71,
});

export const image = objectOfDefaults(
  {
    repository: withDefault(
      text('Registry and repository.', { pattern: '^[^\\s@]+$', minLength: 1, maxLength: 512 }),
      'order-cache-operator',
    ),
    tag: withDefault(tag, ''),
    digest: withDefault(digest, ''),
    pullPolicy: withDefault(
      oneOf(
        ['Always', 'IfNotPresent', 'Never'],
        'When operator, workers and maintenance pods pull their image.',
      ),
      'IfNotPresent',
    ),
  },
  'The image: build it with the Containerfile and push it to a registry that the cluster can pull from.',
);

export const workerImage = objectOfDefaults(
  {
    repository: withDefault(
      text('Registry and repository. Empty: the image of the operator.', {
        pattern: '^[^\\s@]*$',
        maxLength: 512,
      }),
      '',
    ),
    tag: withDefault(tag, ''),
    digest: withDefault(digest, ''),
  },
  'The image of the workers, if another than that of the operator.',
);

const requests = objectOfDefaults(
  { cpu: withDefault(quantity('Processor.'), '100m'), memory: withDefault(quantity('Memory.'), '128Mi') },
  'What an operator pod is guaranteed.',
);

const limits = objectOfDefaults(
  {
    cpu: Type.Optional(quantity('Processor. No default.')),
    memory: withDefault(quantity('Memory.'), '256Mi'),
  },
  'What an operator pod may not exceed.',
);

export const crds = objectOfDefaults(
  {
    install: withDefault(
      Type.Boolean({ description: 'Installs and upgrades the CustomResourceDefinition with the release.' }),
      true,
    ),
    keep: withDefault(
      Type.Boolean({
        description: 'Keeps the definition, and with it every policy, when the release is removed.',
      }),
      true,
    ),
  },
  'The CustomResourceDefinition of OrderCachePolicy.',
);

export const resources = objectOfDefaults({ requests, limits }, 'Processor and memory of each operator pod.');

export const serviceAccount = objectOfDefaults(
  {
    create: withDefault(Type.Boolean({ description: 'Makes the service account. False: it exists.' }), true),
    name: withDefault(
      text("Its name. Empty: that of the operator's other objects.", {
        pattern: `^(|${DNS_NAME.slice(1, -1)})$`,
        maxLength: 253,
      }),
      '',
    ),
    annotations: withDefault(stringMap(32, 'Its annotations.'), {}),
  },
  'The service account of the operator.',
);

export const rbac = objectOfDefaults(
  {
    create: withDefault(
      Type.Boolean({
        description:
          'Makes Roles, ClusterRoles and their bindings. False: somebody else grants the same rights.',
      }),
      true,
    ),
  },
  'The rights of the operator.',
);

/** A number of pods, or a part of them in percent. */
const pods = (description: string) =>
  Type.Unsafe<number | string>({
    anyOf: [{ type: 'integer', minimum: 0 }, { type: 'string' }],
    pattern: '^[0-9]+%$',
    description,
  });

export const podDisruptionBudget = objectOfDefaults(
  {
    enabled: withDefault(Type.Boolean({ description: 'Makes the PodDisruptionBudget.' }), true),
    minAvailable: Type.Optional(
      pods('Pods, or percent, that stay. No default; it takes the place of maxUnavailable.'),
    ),
    maxUnavailable: withDefault(pods('Pods, or percent, that may be evicted at the same time.'), 1),
  },
  'How many operator pods a drained node may take at a time.',
);

const monitor = (kind: string, what: string) =>
  objectOfDefaults(
    {
      enabled: withDefault(
        Type.Boolean({ description: `Makes it. The cluster needs the ${kind} of the Prometheus Operator.` }),
        false,
      ),
      interval: withDefault(
        text('Time between two scrapes.', { pattern: '^[0-9]+(ms|s|m|h)$', maxLength: 16 }),
        '30s',
      ),
      labels: withDefault(stringMap(32, 'Labels by which Prometheus selects it.'), {}),
    },
    what,
  );

export const serviceMonitor = monitor('ServiceMonitor', 'A ServiceMonitor for the operator.');
export const podMonitor = monitor(
  'PodMonitor',
  'PodMonitors: one for the operator (instead of the ServiceMonitor), one for workers and maintenance pods.',
);

/** Ports without a peer: where the servers are is not known here. */
const port = (number: number, protocol = 'TCP') => ({ protocol, port: number });

export const networkPolicy = objectOfDefaults(
  {
    enabled: withDefault(Type.Boolean({ description: 'Makes the NetworkPolicy.' }), false),
    ingressFrom: withDefault(
      kubernetesList(
        'Peers that may read /metrics, as in a NetworkPolicy, beside the pods of the release. Empty: everybody.',
      ),
      [],
    ),
    egress: withDefault(
      kubernetesList(
        'Where the operator may connect to, as in a NetworkPolicy. The default names ports only: DNS, the API ' +
          'server, AMQP and management of RabbitMQ, Redis, and the reports of workers and maintenance pods.',
      ),
      [
        { ports: [port(53, 'UDP'), port(53)] },
        { ports: [443, 6443].map((number) => port(number)) },
        { ports: [5672, 5671, 15672, 15671, 6379, 8080].map((number) => port(number)) },
      ],
    ),
  },
  'A NetworkPolicy for the operator pods. docs/examples/network-policy.yaml has one for workers.',
);

export const platform = objectOfDefaults(
  {
    openshift: withDefault(
      Type.Boolean({
        description:
          'The platform assigns user and group ids to pods, as OpenShift does: operator, workers and maintenance ' +
          'pods set none of their own (runAsUser, runAsGroup, fsGroup). runAsNonRoot stays.',
      }),
      false,
    ),
  },
  'What the platform does by itself.',
);

export const podSecurityContext = withDefault(kubernetesObject('Security context of the operator pods.'), {
  runAsNonRoot: true,
  runAsUser: 65532,
  runAsGroup: 65532,
  seccompProfile: { type: 'RuntimeDefault' },
});

export const securityContext = withDefault(kubernetesObject('Security context of the operator container.'), {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
});
