import Type from 'typebox';
import { count, objectOfDefaults, oneOf, quantity, seconds, stringMap, text, withDefault } from './schema.ts';

const toleration = Type.Object({
  key: Type.Optional(text('Taint key.', { maxLength: 317 })),
  operator: Type.Optional(oneOf(['Exists', 'Equal'], 'How key and value are compared. Default: Equal.')),
  value: Type.Optional(text('Taint value.', { maxLength: 63 })),
  effect: Type.Optional(
    oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute'], 'Effect. Absent: all effects.'),
  ),
  tolerationSeconds: Type.Optional(Type.Integer({ description: 'How long a NoExecute taint is tolerated.' })),
});

const resources = (pod: string, requests: { cpu: string; memory: string }, memoryLimit: string) =>
  objectOfDefaults(
    {
      requests: objectOfDefaults(
        {
          cpu: withDefault(quantity(`Default: ${requests.cpu}.`), requests.cpu),
          memory: withDefault(quantity(`Default: ${requests.memory}.`), requests.memory),
        },
        `What ${pod} is guaranteed.`,
      ),
      limits: objectOfDefaults(
        {
          cpu: Type.Optional(quantity(`No default: ${pod} may use idle processors.`)),
          memory: withDefault(quantity(`Default: ${memoryLimit}.`), memoryLimit),
        },
        `What ${pod} may not exceed.`,
      ),
    },
    `Processor and memory of ${pod}.`,
  );

export const workers = objectOfDefaults(
  {
    prefetchCount: withDefault(
      count(1, 10000, 'Unacknowledged messages that the broker hands to one worker at most. Default: 1000.'),
      1000,
    ),
    resources: resources('a worker pod', { cpu: '250m', memory: '128Mi' }, '256Mi'),
    terminationGracePeriodSeconds: withDefault(
      seconds(5, 600, 'How long a worker may take to finish what it holds when it is stopped. Default: 30.'),
      30,
    ),
    labels: Type.Optional(stringMap(32, 'Labels of the worker pods, beside our own.')),
    annotations: Type.Optional(stringMap(32, 'Annotations of the worker pods, beside our own.')),
    nodeSelector: Type.Optional(stringMap(32, 'Node labels that worker pods need.')),
    tolerations: Type.Optional(
      Type.Array(toleration, {
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
        description: 'Taints that worker pods tolerate.',
      }),
    ),
    priorityClassName: Type.Optional(text('Priority class of the worker pods.', { maxLength: 253 })),
  },
  'The cache-sync worker pods.',
);

export const maintenance = objectOfDefaults(
  { resources: resources('the maintenance pod', { cpu: '50m', memory: '96Mi' }, '192Mi') },
  'The maintenance pod, one for a policy: it does what is not bound to an event. Labels, annotations, node, ' +
    'tolerations and priority are those of the workers.',
);
