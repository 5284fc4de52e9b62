import Type, { type Static } from 'typebox';
import {
  type Input,
  objectOfDefaults,
  oneOf,
  quantity,
  stringMap,
  text,
  withDefault,
} from '../api/schema.ts';

/**
 * The values of an installation: one schema, from which come the options of the install constructs, the chart's
 * values.yaml with its comments, and its values.schema.json.
 */

/** What a policy refers to in docs/examples/orders.yaml. */
export const USUAL_SECRETS = ['rabbitmq', 'rabbitmq-admin', 'redis', 'orders-db'] as const;

const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
const DNS_NAME = '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$';
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
/** An object that Kubernetes itself checks. */
const kubernetesObject = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', description });
/** A list of objects that Kubernetes itself checks. */
const kubernetesList = (description: string) =>
  Type.Unsafe<Record<string, unknown>[]>({ type: 'array', items: { type: 'object' }, description });

const objectName = (description: string) =>
  text(description, { pattern: DNS_NAME, minLength: 1, maxLength: 253 });

/** Never empty: a rule with an empty list of resourceNames allows every Secret. */
const secretNames = (description: string) =>
  Type.Array(objectName('Name of a Secret.'), {
    minItems: 1,
    maxItems: 1000,
    uniqueItems: true,
    description,
  });

const watchedNamespace = Type.Object({
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

const image = objectOfDefaults(
  {
    repository: withDefault(
      text('Registry and repository.', { pattern: '^[^\\s@]+$', minLength: 1, maxLength: 512 }),
      'order-cache-operator',
    ),
    tag: withDefault(tag, ''),
    digest: withDefault(digest, ''),
  },
  'The image: build it with the Containerfile and push it to a registry that the cluster can pull from.',
);

const workerImage = objectOfDefaults(
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

const crds = objectOfDefaults(
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

export const installSchema = Type.Object(
  {
    image,
    workerImage,
    imagePullPolicy: withDefault(
      oneOf(['Always', 'IfNotPresent', 'Never'], 'When operator and workers pull their image.'),
      'IfNotPresent',
    ),
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
        'Name of this installation. It is part of the mark of ownership on queues and in Redis: two installations ' +
          'that share a broker or a Redis need different names, and it must stay the same over upgrades.',
        { pattern: DNS_LABEL, minLength: 1, maxLength: 63 },
      ),
      'default',
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
    replicas: withDefault(
      Type.Integer({
        minimum: 0,
        maximum: 5,
        description: 'Operator pods. One works; the others stand by to take over.',
      }),
      2,
    ),
    logLevel: withDefault(oneOf(LOG_LEVELS, 'Log level of the operator.'), 'info'),
    workerLogLevel: withDefault(
      oneOf(['', ...LOG_LEVELS], 'Log level of the workers. Empty: that of the operator.'),
      '',
    ),
    serviceAccountAnnotations: withDefault(
      stringMap(32, 'Annotations of the service account of the operator.'),
      {},
    ),
    workerServiceAccountAnnotations: withDefault(
      stringMap(32, 'Annotations of the service accounts of the workers.'),
      {},
    ),
    resources: objectOfDefaults({ requests, limits }, 'Processor and memory of each operator pod.'),
    nodeSelector: withDefault(stringMap(32, 'Node labels that operator pods need.'), {}),
    tolerations: withDefault(kubernetesList('Taints that operator pods tolerate.'), []),
    affinity: withDefault(kubernetesObject('Affinity of the operator pods.'), {}),
    crds,
  },
  { description: 'Values of the order cache operator.' },
);

/** Every value, defaults filled in. */
export type InstallValues = Static<typeof installSchema>;
/** What an installer writes: everything may be left out. */
export type InstallOptions = Input<typeof installSchema>;
