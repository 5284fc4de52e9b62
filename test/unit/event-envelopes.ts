import type { BodyProperties } from '../../api/event-body.ts';
import type { EventSettings } from '../../api/worker-config.ts';

export interface Enveloped {
  readonly body: Buffer;
  readonly properties: BodyProperties;
}

/** A way in which the JSON of an event comes over the wire. */
export interface Envelope {
  readonly name: string;
  readonly format: EventSettings['format'];
  /** Of the event's JSON, in front of its pointers. */
  readonly prefix: '' | '/data';
  readonly wrap: (json: string) => Enveloped;
}

export const ATTRIBUTES = { specversion: '1.0', id: '4711', source: '/mes', type: 'order.status.changed' };

export const headersWith = (prefix: string, attributes: Record<string, unknown> = ATTRIBUTES) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [prefix + name, value]));

/** A structured CloudEvent; the data is put in as it is, JSON or not. */
export const structured = (data: string, attributes: object = ATTRIBUTES) =>
  `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;

const cloudEvent = (name: string, wrap: (json: string) => [body: string, properties: BodyProperties]) => ({
  name,
  format: 'CloudEvents' as const,
  prefix: '/data' as const,
  wrap: (json: string) => {
    const [body, properties] = wrap(json);
    return { body: Buffer.from(body), properties };
  },
});

const debezium = (name: string, wrap: (json: string) => string) => ({
  name,
  format: 'DebeziumOutbox' as const,
  prefix: '' as const,
  wrap: (json: string) => ({ body: Buffer.from(wrap(json)), properties: { headers: { id: '"f1a9"' } } }),
});

const TEXT_SCHEMA = '{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1}';
const STRUCT_SCHEMA =
  '{"type":"struct","fields":[{"type":"string","optional":true,"field":"orderId"}],"optional":true,"name":"payload"}';
const CLOUD_EVENT = 'application/cloudevents+json; charset=UTF-8';

export const ENVELOPES: readonly Envelope[] = [
  cloudEvent('a structured CloudEvent', (json) => [structured(json), { contentType: CLOUD_EVENT }]),
  cloudEvent('a structured CloudEvent without content type', (json) => [structured(json), {}]),
  cloudEvent('a structured CloudEvent in Base64', (json) => [
    JSON.stringify({ ...ATTRIBUTES, data_base64: Buffer.from(json).toString('base64') }),
    { contentType: 'APPLICATION/CLOUDEVENTS+JSON' },
  ]),
  ...['cloudEvents:', 'cloudEvents_', 'ce-'].map((prefix) =>
    cloudEvent(`a binary CloudEvent with headers ${prefix}`, (json) => [
      json,
      { contentType: 'application/json', headers: headersWith(prefix) },
    ]),
  ),
  debezium('an outbox event that is expanded', (json) => json),
  debezium('an outbox event as text', (json) => JSON.stringify(json)),
  debezium(
    'an outbox event that is expanded, with schema',
    (json) => `{"schema":${STRUCT_SCHEMA},"payload":${json}}`,
  ),
  debezium(
    'an outbox event as text, with schema',
    (json) => `{"schema":${TEXT_SCHEMA},"payload":${JSON.stringify(json)}}`,
  ),
  debezium(
    'an outbox event that is expanded, beside an additional field',
    (json) => `{"payload":${json},"eventType":"changed"}`,
  ),
  debezium(
    'an outbox event as text, beside an additional field and with schema',
    (json) =>
      `{"schema":${STRUCT_SCHEMA},"payload":{"payload":${JSON.stringify(json)},"eventType":"changed"}}`,
  ),
];
