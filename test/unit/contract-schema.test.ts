import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import {
  CONFIRMATION_OUTCOMES,
  type Confirmation,
  encodeConfirmation,
  parseConfirmation,
} from '../../api/confirmation.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { eventEncoder } from '../../api/event-encode.ts';
import { ExactNumber, parseExactly } from '../../api/json-exact.ts';
import { DEFAULT_POINTERS, type EventSettings } from '../../api/worker-config.ts';
import { eventSchemas } from '../../build/contract/event-schema.ts';
import { anyEvent } from './event-arbitraries.ts';
import { ATTRIBUTES } from './event-envelopes.ts';
import {
  json,
  MALFORMED,
  ORDER_IDS,
  REFUSED_ORDER_IDS,
  REFUSED_TIMESTAMPS,
  REFUSED_VERSIONS,
  settings,
  TIMESTAMPS,
  VERSIONS,
} from './event-tables.ts';

/** The schemas of docs/contract and the decoder agree on every event that a JSON Schema can judge. */

const schemas = eventSchemas('test');

const ajv = new Ajv({ strict: true, strictRequired: false, allowUnionTypes: true });
const compiled = new Map([...schemas].map(([file, schema]) => [file, ajv.compile(schema)]));

function accepts(file: string): (value: unknown) => boolean {
  const validate = compiled.get(file);
  assert.ok(validate, `no schema ${file}`);
  return validate;
}

const cloudEvents: EventSettings = { ...settings, format: 'CloudEvents', ...DEFAULT_POINTERS.CloudEvents };

interface Form {
  readonly file: string;
  readonly use: EventSettings;
  readonly place: (fields: Readonly<Record<string, string>>) => string;
}

/** JSON texts as members of an object. */
const members = (fields: Readonly<Record<string, string>>) =>
  `{${Object.entries(fields)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`;

function inCloudEvent({ orderId, timestamp, ...data }: Readonly<Record<string, string>>): string {
  const attributes = Object.entries(ATTRIBUTES).map(([name, value]) => [name, JSON.stringify(value)]);
  return members({
    ...Object.fromEntries(attributes),
    ...(orderId !== undefined && { subject: orderId }),
    ...(timestamp !== undefined && { time: timestamp }),
    data: members(data),
  });
}

const FORMS: readonly Form[] = [
  { file: 'event.schema.json', use: settings, place: members },
  {
    file: 'event-with-version.schema.json',
    use: { ...settings, versionPointer: '/version' },
    place: members,
  },
  { file: 'cloudevent.schema.json', use: cloudEvents, place: inCloudEvent },
  {
    file: 'cloudevent-with-version.schema.json',
    use: { ...cloudEvents, versionPointer: '/data/version' },
    place: inCloudEvent,
  },
];

const decoders = new Map(FORMS.map(({ use }) => [use, eventDecoder(use)]));

/** What the schemas say in their descriptions that they cannot judge. */
function beyondSchema(text: string): boolean {
  const holdsExact = (value: unknown): boolean =>
    value instanceof ExactNumber ||
    (typeof value === 'object' && value !== null && Object.values(value).some(holdsExact));
  return (
    holdsExact(parseExactly(text)) ||
    /\\u[dD][89a-fA-F]/.test(text) ||
    /"(1999-12-31|2000-01-01|2099-12-31|2100-01-01)/.test(text)
  );
}

function assertAgree({ file, use }: Form, text: string): boolean {
  const decoded = decoders.get(use)?.(Buffer.from(text), {});
  const accepted = accepts(file)(JSON.parse(text));
  assert.ok(decoded);
  if (!beyondSchema(text))
    assert.equal(accepted, decoded.kind === 'Event', `${file}: ${text}: ${JSON.stringify(decoded)}`);
  return accepted;
}

const VALID = { orderId: '"o-1"', status: '"PACKED"', timestamp: '"2026-11-22T12:00:00Z"', version: '7' };
const rfc3339 = (table: readonly (readonly [string, string, ...unknown[]])[]) =>
  table.filter(([format]) => format === 'RFC3339').map(([, literal]) => literal);

const LITERALS = {
  orderId: [...ORDER_IDS.map(([literal]) => literal), ...REFUSED_ORDER_IDS],
  status: ['""', '"a\\nb"', '"\\u0000"', '"\\u009f"', '"a\\u2028b"', '1', 'null', `"${'🚚'.repeat(128)}"`],
  timestamp: [...rfc3339(TIMESTAMPS), ...rfc3339(REFUSED_TIMESTAMPS), '"2026-11-22T12:00:00Z\\n"'],
  version: [...VERSIONS.map(([literal]) => literal), ...REFUSED_VERSIONS, '"7\\n"'],
} as const;
type Name = keyof typeof LITERALS;
const NAMES = Object.keys(LITERALS) as Name[];

const twoDigits = fc.integer({ min: 0, max: 61 }).map((number) => String(number).padStart(2, '0'));
/** Dates and times, right and nearly right. */
const anyTimestamp = fc
  .tuple(
    fc.constantFrom('1999', '2000', '2024', '2026', '2099', '2100', '99', '+2026'),
    fc.tuple(fc.constantFrom('-', '/'), fc.constantFrom('00', '01', '02', '04', '12', '13')),
    fc.constantFrom('00', '01', '28', '29', '30', '31', '32'),
    fc.constantFrom('T', 't', ' '),
    fc.array(twoDigits, { minLength: 3, maxLength: 3 }),
    fc.constantFrom('', '.', '.5', '.123456789', ',5'),
    fc.constantFrom('Z', 'z', '', '+00:00', '-23:59', '+24:00', '+0100', '+01:60'),
  )
  .map(([year, [dash, month], day, t, time, part, offset]) =>
    JSON.stringify(`${year}${dash}${month}${dash}${day}${t}${time.join(':')}${part}${offset}`),
  );

const anyFields = fc
  .tuple(...NAMES.map((name) => anyLiteral(name)))
  .map((literals) =>
    Object.fromEntries(
      NAMES.flatMap((name, index) => (literals[index] === undefined ? [] : [[name, literals[index]]])),
    ),
  );

/** Mostly the valid one, so that single faults are met. */
function anyLiteral(name: Name): fc.Arbitrary<string | undefined> {
  const rest = [
    { weight: 3, arbitrary: fc.constantFrom<string[]>(...LITERALS[name]) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    ...(name === 'timestamp' ? [{ weight: 6, arbitrary: anyTimestamp }] : []),
  ];
  return fc.oneof({ weight: 12, arbitrary: fc.constant(VALID[name]) }, ...rest);
}

for (const form of FORMS)
  describe(`${form.file} and the decoder agree`, () => {
    it('that a good event is one', () => {
      assert.equal(assertAgree(form, form.place(VALID)), true);
    });

    for (const name of NAMES)
      it(`on each ${name} of the tables, and on none`, () => {
        for (const literal of LITERALS[name]) assertAgree(form, form.place({ ...VALID, [name]: literal }));
        const { [name]: _, ...others } = VALID;
        assertAgree(form, form.place(others));
      });

    it('on any mixture of good, bad and missing fields', () => {
      let [good, bad] = [0, 0];
      fc.assert(
        fc.property(anyFields, (fields) => {
          if (assertAgree(form, form.place(fields))) good += 1;
          else bad += 1;
        }),
        { numRuns: 1000 },
      );
      assert.ok(good > 50 && bad > 50, `${good} good and ${bad} bad events were tried`);
    });

    it('on whatever the encoder writes', () => {
      fc.assert(
        fc.property(anyEvent(form.use), (fields) => {
          const event = form.use.versionPointer === undefined ? { ...fields, version: null } : fields;
          const encoded = eventEncoder(form.use)(event, 'm-1');
          assert.equal(encoded.kind, 'Encoded');
          assert.equal(assertAgree(form, encoded.body.toString()), true);
        }),
      );
    });
  });

describe('the schemas', () => {
  it('refuse what the tables call malformed, where it is JSON without a name twice', () => {
    const judged = MALFORMED.filter(([reason]) => !['InvalidJson', 'DuplicateField'].includes(reason));
    const [form] = FORMS;
    assert.ok(form && judged.length > 5);
    for (const [, , text] of [...judged, ['', '', `[${json()}]`], ['', '', 'null']] as const)
      assertAgree(form, text);
  });

  it('judge each attribute of a CloudEvent, and data beside data_base64', () => {
    const good = JSON.parse(inCloudEvent(VALID));
    const faults = Object.keys(ATTRIBUTES).flatMap((name) =>
      [undefined, null, '', 7, {}, '1.0.2'].map((value) => ({ ...good, [name]: value })),
    );
    const encoded = {
      ...good,
      data: undefined,
      data_base64: Buffer.from('{"status":"A"}').toString('base64'),
    };
    const wrong = ['e30', 'e30=\n', 7, {}, null].map((data_base64) => ({ ...encoded, data_base64 }));
    for (const form of FORMS.filter(({ file }) => file === 'cloudevent.schema.json'))
      for (const event of [...faults, encoded, ...wrong, { ...good, data_base64: 'e30=' }])
        assertAgree(form, JSON.stringify(event));
  });

  it('take every confirmation that a worker writes, and refuse what an initiator would not read', () => {
    const accepted = accepts('confirmation.schema.json');
    const text = fc.option(fc.string(), { nil: null });
    const any: fc.Arbitrary<Confirmation> = fc.record(
      {
        orderId: text,
        version: text,
        status: fc.string(),
        outcome: fc.constantFrom(...CONFIRMATION_OUTCOMES),
        reason: fc.string(),
        messageId: text,
        policy: fc.string(),
      },
      { requiredKeys: ['orderId', 'version', 'outcome', 'messageId', 'policy'] },
    );
    fc.assert(fc.property(any, (one) => accepted(JSON.parse(encodeConfirmation(one).toString()))));
    const required = fc.constantFrom('orderId', 'version', 'outcome', 'messageId', 'policy');
    const spoilt = fc.tuple(any, required, fc.constantFrom(undefined, 7, [], 'x', null));
    fc.assert(
      fc.property(spoilt, ([one, name, value]) => {
        const body = JSON.stringify({ ...one, [name]: value });
        assert.equal(accepted(JSON.parse(body)), parseConfirmation(Buffer.from(body)) !== undefined, body);
      }),
    );
  });
});
