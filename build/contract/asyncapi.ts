import { stringify } from 'yaml';
import { CONFIRMATION_CONTENT_TYPE, CONFIRMATION_TYPE, DIRECT_REPLY_TO } from '../../api/confirmation.ts';
import { MALFORMED_REASONS } from '../../api/event.ts';
import { EVENT_CONTENT_TYPE } from '../../api/event-encode.ts';
import { deadLetterQueueName, HEADERS, queueName } from '../../api/names.ts';
import { TRACEPARENT } from '../../api/traceparent.ts';

/**
 * The AsyncAPI document: what a policy's workers receive and send. Exchange, routing keys and the policy's name are
 * those of docs/examples; every other name is the code's.
 */

const policy = { namespace: 'shop', name: 'orders' };
const queue = queueName(policy, undefined, 1);
const CLOUD_EVENT = 'application/cloudevents+json';

const amqp = (binding: object) => ({ amqp: { ...binding, bindingVersion: '0.3.0' } });
const topic = (name: string) =>
  amqp({
    is: 'routingKey',
    exchange: { name, type: 'topic', durable: true, autoDelete: false, vhost: '/shop' },
  });
const ownQueue = (name: string) =>
  amqp({ is: 'queue', queue: { name, durable: true, exclusive: false, autoDelete: false, vhost: '/shop' } });
const ref = (path: string) => ({ $ref: `#/${path}` });
const payload = (file: string) => ({
  schemaFormat: 'application/schema+json;version=draft-07',
  schema: { $ref: `./${file}` },
});
const text = (description: string) => ({ type: 'string', description });

const channels = {
  orderStatus: {
    address: 'mes.order.status.{status}',
    title: 'Order status events',
    description:
      'An exchange of spec.rabbitmq.exchanges; spec.rabbitmq.bindings says which routing keys are read.',
    parameters: { status: { description: 'The new status.' } },
    messages: {
      event: ref('components/messages/orderStatusEvent'),
      cloudEvent: ref('components/messages/orderStatusCloudEvent'),
      binaryCloudEvent: ref('components/messages/orderStatusBinaryCloudEvent'),
    },
    bindings: topic('mes'),
  },
  deadLetters: {
    address: deadLetterQueueName(queue),
    title: 'Dead letters',
    description:
      'Events that cannot be processed, for people and their tools. Workers read nothing from here.',
    messages: { deadLetter: ref('components/messages/deadLetter') },
    bindings: ownQueue(deadLetterQueueName(queue)),
  },
  confirmations: {
    address: 'order.cache',
    title: 'Confirmations',
    description: 'With spec.confirmation.exchange and spec.confirmation.routingKey.',
    messages: { confirmation: ref('components/messages/confirmation') },
    bindings: topic('told'),
  },
  replies: {
    address: null,
    title: 'Confirmations to who asked',
    description: `With spec.confirmation.replyTo: the queue that the event names as reply-to, ${DIRECT_REPLY_TO} among them.`,
    messages: { confirmation: ref('components/messages/confirmation') },
  },
};

const operations = {
  receiveOrderStatus: {
    action: 'receive',
    channel: ref('channels/orderStatus'),
    summary: 'A worker reads the events of its queue, and acknowledges each when the cache is right.',
    description: 'Publish after the commit, persistent, with mandatory, publisher confirms and a message id.',
    bindings: amqp({ ack: true }),
    reply: { address: { location: '$message.header#/replyTo' }, channel: ref('channels/replies') },
  },
  sendDeadLetter: {
    action: 'send',
    channel: ref('channels/deadLetters'),
    summary: 'A malformed event at its first delivery, or another after its last attempt.',
    bindings: amqp({ deliveryMode: 2, mandatory: true }),
  },
  sendConfirmation: {
    action: 'send',
    channel: ref('channels/confirmations'),
    summary: 'What an event did to the cache.',
    bindings: amqp({ deliveryMode: 2 }),
  },
};

const trace = { [TRACEPARENT]: text('W3C Trace Context, version 00.') };
const attributes = ['specversion', 'id', 'source', 'type', 'subject', 'time'].map(
  (name) => `cloudEvents_${name}`,
);

const messages = {
  orderStatusEvent: {
    name: 'order.status.changed',
    title: 'Order status event',
    description: 'spec.event.format JSON. With a versionPointer: event-with-version.schema.json.',
    contentType: EVENT_CONTENT_TYPE,
    headers: { type: 'object', properties: trace },
    payload: payload('event.schema.json'),
  },
  orderStatusCloudEvent: {
    name: 'order.status.changed',
    title: 'Order status event, CloudEvent in structured mode',
    description: 'spec.event.format CloudEvents. With a versionPointer: cloudevent-with-version.schema.json.',
    contentType: CLOUD_EVENT,
    payload: payload('cloudevent.schema.json'),
  },
  orderStatusBinaryCloudEvent: {
    name: 'order.status.changed',
    title: 'Order status event, CloudEvent in binary mode',
    description: 'spec.event.format CloudEvents: attributes are headers, the body is the data.',
    contentType: EVENT_CONTENT_TYPE,
    headers: {
      type: 'object',
      required: attributes,
      properties: { ...Object.fromEntries(attributes.map((name) => [name, { type: 'string' }])), ...trace },
    },
    payload: {
      schemaFormat: 'application/schema+json;version=draft-07',
      schema: { $ref: './cloudevent.schema.json#/anyOf/0/properties/data' },
    },
  },
  deadLetter: {
    name: 'order.status.dead',
    title: 'Dead letter',
    description:
      'The event as it came, with its own headers and these. One without a reason comes from the broker.',
    headers: {
      type: 'object',
      properties: {
        [HEADERS.reason]: text(
          `Why: ${MALFORMED_REASONS.join(', ')}; after the last attempt OrderNotFound, RowBehind, RowRefused, ProcessingFailed.`,
        ),
        [HEADERS.detail]: text('The field, and what was expected; never anything of the payload.'),
        [HEADERS.queue]: text('The queue that it came from.'),
        [HEADERS.deadLetteredAt]: text('RFC 3339.'),
      },
    },
  },
  confirmation: {
    name: CONFIRMATION_TYPE,
    title: 'Confirmation',
    contentType: CONFIRMATION_CONTENT_TYPE,
    payload: payload('confirmation.schema.json'),
    bindings: amqp({ messageType: CONFIRMATION_TYPE }),
  },
};

export function asyncApi(marker: string, version: string): string {
  const document = {
    asyncapi: '3.0.0',
    info: {
      title: 'order-cache-operator',
      version,
      description: 'What the cache-sync workers of an OrderCachePolicy receive and send over RabbitMQ.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: EVENT_CONTENT_TYPE,
    servers: { rabbitmq: { host: 'rabbitmq.shop.svc:5671', protocol: 'amqps', pathname: '/shop' } },
    channels,
    operations,
    components: { messages },
  };
  return `# ${marker}\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
