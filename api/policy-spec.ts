import Type, { type Static } from 'typebox';
import { scaling } from './policy-scaling.ts';
import { maintenance, workers } from './policy-workers.ts';
import {
  count,
  type Input,
  listMap,
  objectOfDefaults,
  oneOf,
  rule,
  seconds,
  text,
  withDefault,
} from './schema.ts';
import { DEFAULT_EVENT, DEFAULT_POINTERS, EVENT_FORMATS } from './worker-config.ts';

const secretRef = (description: string) =>
  Type.Object(
    {
      name: text('Name of a Secret in the namespace of the policy.', {
        pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
        minLength: 1,
        maxLength: 253,
      }),
    },
    { description },
  );

const POINTER = { pattern: '^(/([^/~]|~[01])*)+$', maxLength: 256 };

/** Without a default in the schema: it depends on the format (DEFAULT_POINTERS of worker-config.ts). */
const pointer = (field: keyof typeof DEFAULT_POINTERS.JSON, what: string) =>
  Type.Optional(
    text(
      `RFC 6901 JSON pointer to ${what} in the event. Default: ${DEFAULT_POINTERS.JSON[field]}; for CloudEvents ` +
        `${DEFAULT_POINTERS.CloudEvents[field]}.`,
      POINTER,
    ),
  );

const sqlName = (description: string) =>
  text(description, { pattern: '^[A-Za-z_][A-Za-z0-9_]*$', maxLength: 63 });

const event = objectOfDefaults(
  {
    format: withDefault(
      oneOf(
        EVENT_FORMATS,
        'Encoding of the event. JSON: one object. CloudEvents: version 1.0, in structured or binary content mode; ' +
          'pointers read it in structured form. DebeziumOutbox: what the outbox event router of Debezium publishes, ' +
          'its payload expanded or as text, with or without a schema; pointers read the payload, and fields that the ' +
          'router places beside it or in headers. Default: JSON.',
      ),
      DEFAULT_EVENT.format,
    ),
    orderIdPointer: pointer('orderIdPointer', 'the order id, a string or a whole number'),
    statusPointer: pointer('statusPointer', 'the new status, a string'),
    timestampPointer: pointer('timestampPointer', 'the time of the change'),
    timestampFormat: withDefault(
      oneOf(
        ['RFC3339', 'UnixSeconds', 'UnixMilliseconds', 'UnixMicroseconds'],
        'How the timestamp is written. Default: RFC3339, with an offset.',
      ),
      DEFAULT_EVENT.timestampFormat,
    ),
    versionPointer: Type.Optional(
      text(
        'RFC 6901 JSON pointer to the row version that the change produced: a whole number that the database ' +
          'increments with each change of the order (columns.version). With it a worker waits until that version of ' +
          'the row is visible. Absent: events must be published after their transaction has committed.',
        POINTER,
      ),
    ),
    versionFormat: withDefault(
      oneOf(
        ['Integer', 'Timestamp'],
        'How the version is written. Timestamp: as timestampFormat says, for a version column of type timestamptz; ' +
          'it is compared as microseconds since 1970. Default: Integer.',
      ),
      DEFAULT_EVENT.versionFormat,
    ),
    maxClockSkewSeconds: withDefault(
      seconds(
        0,
        86400,
        'Where database.writer is Worker and timestamps order the events, which have no version or one in the format ' +
          "Timestamp: one further ahead of the worker's clock than this is dead-lettered. Default: 60.",
      ),
      DEFAULT_EVENT.maxClockSkewSeconds,
    ),
    maxBodyBytes: withDefault(
      count(
        256,
        1048576,
        'Larger events are dead-lettered before they are parsed, in bytes. Default: 65536.',
      ),
      DEFAULT_EVENT.maxBodyBytes,
    ),
  },
  'How an order status event is read. The defaults read {"orderId": "...", "status": "...", "timestamp": "..."}.',
);

const exchange = Type.Object({
  name: text('Name of the exchange.', { pattern: '^[A-Za-z0-9_.:-]+$', minLength: 1, maxLength: 200 }),
  type: withDefault(oneOf(['Topic', 'Direct', 'Fanout'], 'Type of the exchange. Default: Topic.'), 'Topic'),
  managementPolicy: withDefault(
    oneOf(
      ['Observe', 'Declare'],
      'Observe: the exchange belongs to somebody else and must exist. Declare: it is declared, durable, when it ' +
        'is missing. An exchange is never deleted. Default: Observe.',
    ),
    'Observe',
  ),
});

const binding = Type.Object({
  exchange: text('An exchange of spec.rabbitmq.exchanges.', { minLength: 1, maxLength: 200 }),
  routingKey: withDefault(
    text('Routing key or topic pattern in ASCII, for example mes.order.status.#. Default: #.', {
      pattern: '^[ -~]*$',
      maxLength: 255,
    }),
    '#',
  ),
});

const rabbitmq = Type.Object(
  {
    connectionSecretRef: secretRef(
      'What workers use, to consume and to publish retries and dead letters. Keys: uri; optional username, ' +
        'password, ca.crt, tls.crt, tls.key.',
    ),
    managementSecretRef: secretRef(
      'What the operator uses to declare the topology; never mounted in a worker. Keys: uri and managementUri ' +
        '(http or https); optional username, password, ca.crt, tls.crt, tls.key.',
    ),
    exchanges: listMap(exchange, ['name'], {
      minItems: 1,
      maxItems: 20,
      description: 'The exchanges that initiators (MES, CRM) publish to.',
    }),
    bindings: listMap(binding, ['exchange', 'routingKey'], {
      minItems: 1,
      maxItems: 200,
      description: 'What reaches the queue. This list is the truth: other bindings of the queue are removed.',
    }),
    queue: objectOfDefaults(
      {
        name: Type.Optional(
          text('Name of the queue, immutable. Default: ordercache.<namespace>.<name>.', {
            pattern: '^[A-Za-z0-9_.:-]+$',
            minLength: 1,
            maxLength: 200,
          }),
        ),
        revision: withDefault(
          count(
            1,
            1000000,
            'Raise it by one to move to a new queue when an argument must change that RabbitMQ cannot change in ' +
              'place; the old queue is drained and then deleted. Default: 1.',
          ),
          1,
        ),
      },
      'The queue that the workers consume: a quorum queue, owned by this policy.',
    ),
    retry: objectOfDefaults(
      {
        maxAttempts: withDefault(
          count(1, 100, 'How often an event is tried that fails for a reason of its own. Default: 5.'),
          5,
        ),
        initialDelaySeconds: withDefault(
          seconds(1, 3600, 'Delay before the second attempt; doubles with each. Default: 1.'),
          1,
        ),
        maxDelaySeconds: withDefault(seconds(1, 3600, 'Bound on the delay. Default: 60.'), 60),
      },
      'Redelivery with backoff, through delay queues. An outage of Redis or the database is not an attempt.',
    ),
    deadLetter: objectOfDefaults(
      {
        maxLength: withDefault(
          count(
            1,
            10000000,
            'Length of the dead-letter queue. When it is full, messages stay in the queue. Default: 100000.',
          ),
          100000,
        ),
      },
      'The queue <queue>.dead, which holds what cannot be processed, each message with its reason.',
    ),
  },
  { description: 'Broker, exchanges, queue, retry and dead letters.' },
);

const redis = Type.Object(
  {
    connectionSecretRef: secretRef(
      'Keys: uri (redis://, rediss://, or a comma-separated list; query mode=standalone|sentinel|cluster and ' +
        'name=<sentinel master>); optional username, password, ca.crt, tls.crt, tls.key.',
    ),
    keyPrefix: withDefault(
      text('The record of an order has the key <keyPrefix><orderId>. Immutable. Default: order:.', {
        pattern: '^[A-Za-z0-9_.-][A-Za-z0-9_.:/-]*$',
        minLength: 1,
        maxLength: 100,
        immutable: true,
      }),
      'order:',
    ),
  },
  { description: 'The cache.' },
);

const database = Type.Object(
  {
    connectionSecretRef: secretRef(
      'A role on the primary, read-only unless writer is Worker. Keys: uri (postgres://); optional username, password, ca.crt, tls.crt, tls.key.',
    ),
    table: withDefault(
      text('Table or view of the orders, with schema if it is not on the search path. Default: orders.', {
        pattern: '^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)?$',
        maxLength: 127,
      }),
      'orders',
    ),
    columns: objectOfDefaults(
      {
        orderId: withDefault(sqlName('Column with the order id, unique. Default: id.'), 'id'),
        status: withDefault(sqlName('Column with the status. Default: status.'), 'status'),
        version: withDefault(
          sqlName(
            'Column that changes with each change of the row: bigint, integer, numeric without decimals, or timestamptz. ' +
              'Default: version.',
          ),
          'version',
        ),
      },
      'Columns of the table.',
    ),
    writer: withDefault(
      oneOf(
        ['Initiator', 'Worker'],
        'Who writes the row. Initiator: MES or CRM has written it, and the event tells of it. Worker: the worker writes ' +
          'status and version into the existing row, then the cache, then it acknowledges; an older event changes ' +
          'neither. The role needs the right to update the two columns then. Default: Initiator.',
      ),
      'Initiator',
    ),
  },
  { description: 'PostgreSQL, the truth. Required for WriteThrough.' },
);

const statusTtl = Type.Object({
  status: text('A status.', { minLength: 1, maxLength: 128 }),
  seconds: seconds(1, 31536000, 'Time-to-live of records with this status.'),
});

const ttl = objectOfDefaults(
  {
    defaultSeconds: withDefault(
      seconds(1, 31536000, 'Time-to-live of records whose status is not listed. Default: 3600.'),
      3600,
    ),
    jitterPercent: withDefault(
      count(0, 50, 'Records live up to this much shorter, so that they do not expire together. Default: 10.'),
      10,
    ),
    statuses: withDefault(
      listMap(statusTtl, ['status'], { maxItems: 100, description: 'Time-to-live by status.' }),
      [],
    ),
    absentSeconds: withDefault(
      seconds(
        0,
        60,
        'How long readers remember that the database has no such order. An event for the order ends it at once; an ' +
          'order that is created without an event is not seen before. 0: not at all. Default: 0.',
      ),
      0,
    ),
  },
  'When records expire that nobody refreshes. Followed live, within 5 s, by every process that writes records.',
);

const confirmation = Type.Object(
  {
    exchange: Type.Optional(
      text('An exchange of spec.rabbitmq.exchanges that confirmations are published to.', {
        minLength: 1,
        maxLength: 200,
      }),
    ),
    routingKey: withDefault(
      text('Routing key of confirmations on that exchange. Default: order.cache.', {
        pattern: '^[ -~]*$',
        maxLength: 255,
      }),
      'order.cache',
    ),
    replyTo: withDefault(
      Type.Boolean({
        description:
          'Whether a message that names a queue to reply to gets its confirmation there, with its correlation id: ' +
          "RabbitMQ's direct reply-to, a queue that the broker has named, or one whose name starts with " +
          'confirmations. (with the dot). Default: true.',
      }),
      true,
    ),
  },
  {
    description:
      'After the cache is right, the worker publishes what happened, and only then acknowledges the event. Absent: ' +
      'nothing is published.',
  },
);

const outbox = Type.Object(
  {
    databaseSecretRef: secretRef(
      'A role that may select, delete and update attempts, next_attempt_at and last_error in the outbox table. ' +
        'Keys as in spec.database.connectionSecretRef.',
    ),
    rabbitmqSecretRef: secretRef(
      'A user that may publish to the exchanges that the outbox names. Keys as in spec.rabbitmq.connectionSecretRef.',
    ),
    table: withDefault(
      text('The outbox table, with schema if it is not on the search path. Default: order_outbox.', {
        pattern: '^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)?$',
        maxLength: 127,
      }),
      'order_outbox',
    ),
  },
  {
    description:
      'The relay of the transactional outbox runs in the maintenance pod of the policy. Absent: the relay runs ' +
      'elsewhere, or initiators publish by themselves.',
  },
);

const catchUp = objectOfDefaults(
  {
    maxOrdersPerSecond: withDefault(
      count(1, 100000, 'How many orders are compared with the database in a second at most. Default: 1000.'),
      1000,
    ),
  },
  'Every order in Redis is compared with the database after events or writes may have been lost: a failover or a ' +
    'restored Redis, a broker that came back empty, or the annotation ordercache.io/catch-up with a new value.',
);

const fields = {
  suspend: withDefault(
    Type.Boolean({
      description:
        'The operator changes and scales nothing; workers go on. Deletion still finishes. Default: false.',
    }),
    false,
  ),
  deletionPolicy: withDefault(
    oneOf(
      ['Retain', 'Delete'],
      'What happens to the queues and records when the policy is deleted. Delete refuses to delete a queue that ' +
        'holds messages. Default: Retain.',
    ),
    'Retain',
  ),
  event,
  rabbitmq,
  redis,
  database: Type.Optional(database),
  strategy: withDefault(
    oneOf(
      ['WriteThrough', 'ReadThrough'],
      'What an event does to a cached order. WriteThrough: the record is written from the database row. ' +
        'ReadThrough: the record is dropped, and the next read loads it. Default: WriteThrough.',
    ),
    'WriteThrough',
  ),
  ttl,
  workers,
  maintenance,
  scaling,
  confirmation: Type.Optional(confirmation),
  outbox: Type.Optional(outbox),
  catchUp,
};

/** Rules across fields. They stand on `spec`: an object with a rule of its own cannot have `default: {}`. */
const crossFieldRules = [
  rule(
    '!has(self.confirmation) || !has(self.confirmation.exchange) || self.rabbitmq.exchanges.exists(e, e.name == self.confirmation.exchange)',
    'must be listed in rabbitmq.exchanges',
    '.confirmation.exchange',
  ),
  rule(
    '!has(self.confirmation) || has(self.confirmation.exchange) || self.confirmation.replyTo',
    'must name an exchange, unless replyTo is true',
    '.confirmation.exchange',
  ),
  rule(
    "self.strategy != 'WriteThrough' || has(self.database)",
    'is required for strategy WriteThrough',
    '.database',
  ),
  rule(
    'self.scaling.minReplicas <= self.scaling.maxReplicas',
    'must not be above scaling.maxReplicas',
    '.scaling.minReplicas',
  ),
  rule(
    'self.rabbitmq.retry.initialDelaySeconds <= self.rabbitmq.retry.maxDelaySeconds',
    'must not be above retry.maxDelaySeconds',
    '.rabbitmq.retry.initialDelaySeconds',
  ),
  rule(
    'self.rabbitmq.bindings.all(b, self.rabbitmq.exchanges.exists(e, e.name == b.exchange))',
    'every exchange of a binding must be listed in rabbitmq.exchanges',
    '.rabbitmq.bindings',
  ),
  rule(
    "self.rabbitmq.exchanges.all(e, !e.name.startsWith('amq.')) && (!has(self.rabbitmq.queue.name) || !self.rabbitmq.queue.name.startsWith('amq.'))",
    'names that start with amq. are reserved by the broker',
    '.rabbitmq',
  ),
  rule(
    "self.rabbitmq.exchanges.all(e, !e.name.startsWith('ordercache.delay.')) && (!has(self.rabbitmq.queue.name) || !self.rabbitmq.queue.name.startsWith('ordercache.delay.'))",
    'names that start with ordercache.delay. belong to the retry ladder that all policies of a vhost share',
    '.rabbitmq',
  ),
  rule("!self.redis.keyPrefix.startsWith('ordercache:')", 'ordercache: is reserved', '.redis.keyPrefix'),
  rule(
    'has(self.rabbitmq.queue.name) == has(oldSelf.rabbitmq.queue.name) && (!has(self.rabbitmq.queue.name) || self.rabbitmq.queue.name == oldSelf.rabbitmq.queue.name)',
    'is immutable',
    '.rabbitmq.queue.name',
  ),
  rule(
    'self.rabbitmq.queue.revision >= oldSelf.rabbitmq.queue.revision && self.rabbitmq.queue.revision <= oldSelf.rabbitmq.queue.revision + 1',
    'may be raised by one at a time, and never lowered',
    '.rabbitmq.queue.revision',
  ),
];

export const policySpec = Type.Object(fields, {
  description: 'What the platform team declares.',
  'x-kubernetes-validations': crossFieldRules,
});

/** The spec as the API server returns it: every default filled in. */
export type OrderCachePolicySpec = Static<typeof policySpec>;

/** The spec as a user writes it. */
export type OrderCachePolicySpecInput = Input<typeof policySpec>;
