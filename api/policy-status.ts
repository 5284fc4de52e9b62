import Type, { type Static } from 'typebox';
import { CONDITION_TYPES } from './conditions.ts';
import { CATCH_UP_STATES, CATCH_UP_TRIGGERS } from './maintenance.ts';
import { listMap, oneOf, text, withDefault } from './schema.ts';

const number = (description: string) => Type.Integer({ description, format: 'int64' });

const condition = Type.Object({
  type: oneOf(CONDITION_TYPES, 'What is said to be so.'),
  status: oneOf(['True', 'False', 'Unknown'], 'Whether it is so.'),
  reason: text('Why, in one PascalCase word.', { minLength: 1, maxLength: 64 }),
  message: text('Why, for people.', { maxLength: 32768 }),
  observedGeneration: Type.Optional(number('The generation that this is about.')),
  lastTransitionTime: Type.String({ format: 'date-time', description: 'When status last changed.' }),
});

const catchUp = Type.Object(
  {
    state: oneOf(CATCH_UP_STATES, 'Failed: an error that is no outage; it is tried again from where it was.'),
    trigger: Type.Optional(oneOf(CATCH_UP_TRIGGERS, 'Why it was started.')),
    startedAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it was started.' })),
    completedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When it ended. Absent: it is under way.' }),
    ),
    orders: number('Orders in Redis that were compared with the database so far.'),
    updated: number('Of them: records that differed and were written from the row.'),
    dropped: number('Of them: records that were deleted, and placeholders of readers.'),
  },
  { description: 'The last comparison of every order in Redis with the database, or the one under way.' },
);

/** Before the operator has seen a policy, so that kstatus, Argo CD and Flux do not call it healthy. */
const unseen = {
  observedGeneration: -1,
  conditions: [
    {
      type: 'Ready',
      status: 'Unknown',
      reason: 'Pending',
      message: 'Waiting for the operator',
      lastTransitionTime: '1970-01-01T00:00:00Z',
    },
  ],
};

const properties = {
  observedGeneration: Type.Optional(number('The generation that the operator has acted on, failed or not.')),
  conditions: Type.Optional(
    listMap(condition, ['type'], {
      maxItems: 16,
      description: 'Ready is the summary; Reconciling and Stalled as kstatus defines them.',
    }),
  ),
  replicas: Type.Optional(number('Worker pods that exist.')),
  readyReplicas: Type.Optional(number('Worker pods that are ready.')),
  selector: Type.Optional(text('Label selector of the worker pods, for /scale.', { maxLength: 1024 })),
  queue: Type.Optional(text('Name of the queue in use.', { maxLength: 255 })),
  backlog: Type.Optional(number('Messages ready and in flight.')),
  deadLetters: Type.Optional(number('Messages in the dead-letter queue.')),
  expectedDrainSeconds: Type.Optional(
    number(
      'When the backlog will be gone at the present rate, in seconds; absent when it grows or nothing is known.',
    ),
  ),
  eventsPerSecond: Type.Optional(number('Acknowledged events per second, over all workers.')),
  workerEventsPerSecond: Type.Optional(
    number('What one worker was seen to process while it had all the work it could take.'),
  ),
  queueLostAt: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'When the queue in use was last found missing, and with it perhaps events.',
    }),
  ),
  catchUp: Type.Optional(catchUp),
  desiredReplicas: Type.Optional(number('What the scaling formula asks for, after bounds and behavior.')),
};

export const policyStatus = withDefault(
  Type.Object(properties, { description: 'What the operator sees. Numbers are written at most every 10 s.' }),
  unseen,
);

export type OrderCachePolicyStatus = Static<typeof policyStatus>;
