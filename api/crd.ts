import Type from 'typebox';
import { GROUP, KIND, PLURAL, VERSION } from './names.ts';
import { policySpec } from './policy-spec.ts';
import { policyStatus } from './policy-status.ts';
import { rule } from './schema.ts';

/** The resource as a whole, with the rule on its name. */
export const resource = Type.Object(
  {
    apiVersion: Type.Optional(Type.String()),
    kind: Type.Optional(Type.String()),
    metadata: Type.Optional(Type.Unsafe<object>({ type: 'object' })),
    spec: policySpec,
    status: Type.Optional(policyStatus),
  },
  {
    description:
      'Declares how the order records in a Redis cache follow the order status events of MES and CRM: the events ' +
      'that are consumed, the strategy, the time-to-live of records and the scaling of the workers.',
    'x-kubernetes-validations': [
      rule(
        "size(self.metadata.name) <= 50 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        'metadata.name must be a DNS label of at most 50 characters, because workers are named after it',
      ),
    ],
  },
);

const printerColumns = [
  { name: 'READY', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'REASON', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
  { name: 'STRATEGY', type: 'string', jsonPath: '.spec.strategy' },
  { name: 'REPLICAS', type: 'integer', jsonPath: '.status.replicas' },
  { name: 'BACKLOG', type: 'integer', jsonPath: '.status.backlog' },
  { name: 'DEAD-LETTERS', type: 'integer', jsonPath: '.status.deadLetters' },
  { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The CustomResourceDefinition, plain JSON. */
export function customResourceDefinition() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${GROUP}` },
    spec: {
      group: GROUP,
      names: {
        kind: KIND,
        listKind: `${KIND}List`,
        plural: PLURAL,
        singular: KIND.toLowerCase(),
        shortNames: ['ocp'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: structural(resource) },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.scaling.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          additionalPrinterColumns: printerColumns,
        },
      ],
    },
  };
}

type Json = { [key: string]: unknown };

/** The schema as Kubernetes wants it: what has a default is not `required`, since a user may leave it out. */
function structural(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(structural);
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [
    key,
    key === 'default' ? value : structural(value),
  ]);
  return withoutDefaulted(Object.fromEntries(entries));
}

function withoutDefaulted(schema: Json): Json {
  const { required, properties } = schema;
  if (!Array.isArray(required) || !isObject(properties)) return schema;
  const mandatory = required.filter((name: string) => {
    const property = properties[name];
    return !(isObject(property) && 'default' in property);
  });
  const { required: _, ...rest } = schema;
  return mandatory.length > 0 ? { ...rest, required: mandatory } : rest;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
