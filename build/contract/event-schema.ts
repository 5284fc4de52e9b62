import { CONFIRMATION_OUTCOMES } from '../../api/confirmation.ts';
import { ORDER_ID_PATTERN, VERSION_PATTERN } from '../../api/event.ts';
import { pointerTokens } from '../../api/json-pointer.ts';
import { DEFAULT_EVENT, DEFAULT_POINTERS } from '../../api/worker-config.ts';

/**
 * JSON Schemas of what crosses the broker, draft-07: validators of all languages take it. Patterns hold only what
 * ECMAScript, PCRE, RE2, Java and Python read alike; `$` stands before a last line break in some, so that white space is
 * refused by a pattern of its own. test/unit/contract-schema.test.ts holds them to the decoder.
 */

export type Schema = { readonly [keyword: string]: unknown };

const DRAFT = 'http://json-schema.org/draft-07/schema#';

const noSpace = { not: { pattern: '\\s' } };

const orderId: Schema = {
  description: 'The order: text, or a whole number, which is its decimal text.',
  anyOf: [
    { type: 'string', maxLength: 128, pattern: ORDER_ID_PATTERN.source, ...noSpace },
    { type: 'integer', minimum: 0 },
  ],
};

const status: Schema = {
  description: 'The new status: 1 to 128 characters, none of them a control character.',
  type: 'string',
  minLength: 1,
  maxLength: 128,
  not: { pattern: '[\\x00-\\x1f\\x7f-\\x9f]' },
};

const DATE =
  '(?:20[0-9]{2}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|' +
  '02-(?:0[1-9]|1[0-9]|2[0-8]))|20(?:[02468][048]|[13579][26])-02-29)';
const TIME = '(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.][0-9]+)?';
const OFFSET = '(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])';

const timestamp: Schema = {
  description: 'When it changed: RFC 3339 with an offset, in the years 2000 to 2099.',
  type: 'string',
  maxLength: 64,
  pattern: `^${DATE}[Tt]${TIME}${OFFSET}$`,
  ...noSpace,
};

const version: Schema = {
  description:
    'The version of the row that the change made, a whole number that rises with each change. Above 2^53 as text. ' +
    'Null: a change without a version.',
  anyOf: [
    { type: 'string', maxLength: 64, pattern: VERSION_PATTERN.source, ...noSpace },
    { type: 'integer', minimum: 0 },
    { type: 'null' },
  ],
};

/** What a JSON Schema cannot say of an event. */
const BEYOND = [
  'a name that stands twice in one object is refused',
  `the body is UTF-8 and has at most ${DEFAULT_EVENT.maxBodyBytes} bytes (spec.event.maxBodyBytes)`,
  'a number above 2^53 is read digit by digit: an order id has at most 128 digits, a version 64, both without fraction and exponent',
  'half of a surrogate pair is no character of a status',
  'an instant near the first or last moment of the years 2000 to 2099 is judged with its offset',
];

const about = (what: string, beyond: readonly string[] = BEYOND) =>
  `${what} Other fields are ignored. Not in this schema: ${beyond.join('; ')}.`;

/** Fields at the places that pointers name, each of them required. */
function objectOf(fields: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
  const own: Record<string, Schema> = {};
  const inner: Record<string, Record<string, Schema>> = {};
  for (const [pointer, schema] of Object.entries(fields)) {
    const [name = '', ...rest] = pointerTokens(pointer);
    if (rest.length === 0) own[name] = schema;
    else inner[name] = { ...inner[name], [`/${rest.join('/')}`]: schema };
  }
  const properties = {
    ...own,
    ...Object.fromEntries(Object.entries(inner).map(([name, part]) => [name, objectOf(part)])),
  };
  return { type: 'object', required: Object.keys(properties), properties, ...more };
}

function jsonEvent(versioned: boolean): Schema {
  const { orderIdPointer, statusPointer, timestampPointer } = DEFAULT_POINTERS.JSON;
  const fields = { [orderIdPointer]: orderId, [statusPointer]: status, [timestampPointer]: timestamp };
  return objectOf(versioned ? { ...fields, '/version': version } : fields);
}

const attribute: Schema = { type: 'string', minLength: 1 };
const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$';

/** Structured content mode: with `data`, or with `data_base64` in its place. */
function cloudEvent(versioned: boolean): Schema {
  const { orderIdPointer, statusPointer, timestampPointer } = DEFAULT_POINTERS.CloudEvents;
  const attributes = objectOf({
    '/specversion': { const: '1.0' },
    '/id': attribute,
    '/source': attribute,
    '/type': attribute,
    [orderIdPointer]: orderId,
    [timestampPointer]: timestamp,
  });
  const data = objectOf({ [statusPointer]: status, ...(versioned && { '/data/version': version }) });
  const nothing = { type: 'null' };
  const encoded = {
    type: 'object',
    required: ['data_base64'],
    properties: { data_base64: { type: 'string', pattern: BASE64, ...noSpace }, data: nothing },
  };
  const plain = { ...data, properties: { ...(data.properties as object), data_base64: nothing } };
  return { ...attributes, anyOf: [plain, encoded] };
}

const confirmation: Schema = {
  type: 'object',
  required: ['orderId', 'version', 'outcome', 'messageId', 'policy'],
  properties: {
    orderId: {
      type: ['string', 'null'],
      description: 'Null: the event was dead-lettered for what is in it.',
    },
    version: { type: ['string', 'null'], description: 'Of the row; of the event where no row was read.' },
    status: { type: 'string', description: 'Of the row, if it was read.' },
    outcome: { enum: [...CONFIRMATION_OUTCOMES] },
    reason: { type: 'string', description: 'With dead-lettered: why.' },
    messageId: { type: ['string', 'null'], description: 'Of the event.' },
    policy: { type: 'string', description: '<namespace>/<name>' },
  },
};

const VERSIONED = 'for a policy with spec.event.versionPointer';

/** By file name. */
export function eventSchemas(marker: string): Map<string, Schema> {
  const schema = (title: string, description: string, body: Schema): Schema => ({
    $schema: DRAFT,
    $comment: marker,
    title,
    description,
    ...body,
  });
  const inBase64 = [...BEYOND, 'what data_base64 holds'];
  return new Map([
    [
      'event.schema.json',
      schema(
        'OrderStatusEvent',
        about('An order status event, as a policy reads it by default.'),
        jsonEvent(false),
      ),
    ],
    [
      'event-with-version.schema.json',
      schema(
        'VersionedOrderStatusEvent',
        about(`An order status event ${VERSIONED} /version.`),
        jsonEvent(true),
      ),
    ],
    [
      'cloudevent.schema.json',
      schema(
        'OrderStatusCloudEvent',
        about('An order status event as CloudEvent 1.0 in structured content mode.', inBase64),
        cloudEvent(false),
      ),
    ],
    [
      'cloudevent-with-version.schema.json',
      schema(
        'VersionedOrderStatusCloudEvent',
        about(`A CloudEvent 1.0 in structured content mode ${VERSIONED} /data/version.`, inBase64),
        cloudEvent(true),
      ),
    ],
    [
      'confirmation.schema.json',
      schema(
        'OrderCacheConfirmation',
        'What a worker publishes when the cache is right (spec.confirmation). Fields may be added.',
        confirmation,
      ),
    ],
  ]);
}
