import Type, { type Static } from 'typebox';
import { count, objectOfDefaults, oneOf, seconds, withDefault } from './schema.ts';

const scalingPolicy = Type.Object({
  type: oneOf(['Pods', 'Percent'], 'What value counts: pods, or percent of the current replicas.'),
  value: count(1, 100000, 'The most that may change within the period.'),
  periodSeconds: seconds(1, 1800, 'The window over which the change is counted.'),
});

const scalingRules = (direction: string, stabilization: string) =>
  Type.Object(
    {
      stabilizationWindowSeconds: Type.Optional(
        seconds(
          0,
          3600,
          `Past recommendations that are considered when scaling ${direction}. Default: ${stabilization}.`,
        ),
      ),
      selectPolicy: Type.Optional(
        oneOf(
          ['Max', 'Min', 'Disabled'],
          'Which of several policies wins; Disabled forbids the direction. Default: Max.',
        ),
      ),
      policies: Type.Optional(
        Type.Array(scalingPolicy, {
          maxItems: 10,
          'x-kubernetes-list-type': 'atomic',
          description: 'Bounds on the speed.',
        }),
      ),
    },
    { description: `How fast to scale ${direction}.` },
  );

const behavior = objectOfDefaults(
  {
    scaleUp: Type.Optional(scalingRules('up', '0')),
    scaleDown: Type.Optional(scalingRules('down', '300')),
  },
  'As in autoscaling/v2 HorizontalPodAutoscalerBehavior: same words, same meaning, same defaults.',
);

export const scaling = objectOfDefaults(
  {
    mode: withDefault(
      oneOf(
        ['Auto', 'Manual'],
        'Auto: the operator scales by backlog and arrival rate. Manual: scaling.replicas counts, which kubectl ' +
          'scale, an HPA or KEDA may drive. Default: Auto.',
      ),
      'Auto',
    ),
    minReplicas: withDefault(count(0, 1000, 'Auto: the fewest workers; 0 is allowed. Default: 1.'), 1),
    maxReplicas: withDefault(count(1, 1000, 'Auto: the most workers. Default: 10.'), 10),
    targetDrainSeconds: withDefault(
      seconds(1, 86400, 'Auto: a backlog is gone within this time. Default: 30.'),
      30,
    ),
    behavior,
    replicas: Type.Optional(
      count(
        0,
        1000,
        'Manual: the number of workers. Absent: the current number is kept and written here once. Auto ignores it.',
      ),
    ),
  },
  'How many workers run. Auto: ceil((arrival rate + backlog / targetDrainSeconds) / rate of one worker), within bounds.',
);

/** The speed limits of scaling, in the words of autoscaling/v2. */
export type ScalingBehavior = Static<typeof behavior>;
export type ScalingRules = NonNullable<ScalingBehavior['scaleUp']>;
