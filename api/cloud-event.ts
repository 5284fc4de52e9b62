import { cloudEventOfHeaders, modeOf } from './cloud-event-headers.ts';
import { type Malformed, malformed } from './event.ts';
import {
  type BodyProperties,
  bodyJson,
  bytesJson,
  type EventOpener,
  type JsonObject,
  kindOf,
  type Opened,
  type OpenerSettings,
  openedObject,
} from './event-body.ts';
import type { ParseJson } from './json-exact.ts';

/** Format CloudEvents: version 1.0, in structured (JSON) or binary content mode, opened in structured form. */
export function cloudEventOpener(settings: OpenerSettings): EventOpener {
  return (bytes, properties, parse) => {
    const opened =
      modeOf(properties) === 'Binary'
        ? binary(bytes, properties, settings, parse)
        : structured(bytes, properties, settings, parse);
    return opened.kind === 'Opened' ? checked(opened.document) : opened;
  };
}

/** Headers are the attributes, the body is `data`. It is parsed only if a pointer leads into it. */
function binary(
  bytes: Uint8Array,
  properties: BodyProperties,
  settings: OpenerSettings,
  parse: ParseJson,
): Opened | Malformed {
  const opened = cloudEventOfHeaders(properties);
  if (opened.kind === 'Malformed' || !settings.firstNames.has('data')) return opened;
  const data = bodyJson(bytes, properties, settings, parse);
  if (data.kind === 'Malformed') return data;
  opened.document.data = data.value;
  return opened;
}

function structured(
  bytes: Uint8Array,
  properties: BodyProperties,
  settings: OpenerSettings,
  parse: ParseJson,
): Opened | Malformed {
  const json = bodyJson(bytes, properties, settings, parse);
  if (json.kind === 'Malformed') return explained(json, properties);
  if (Array.isArray(json.value))
    return malformed('BatchNotSupported', 'expected one CloudEvent, got an array of them');
  const opened = openedObject(json.value);
  if (opened.kind === 'Malformed' || opened.document.data_base64 == null) return opened;
  return decodedData(opened.document, settings, parse);
}

const otherFormat = /^application\/cloudevents\+(?!json\b)/i;

function explained(fault: Malformed, { contentType }: BodyProperties): Malformed {
  if (!otherFormat.test(String(contentType ?? '')) || !/^Invalid/.test(fault.reason)) return fault;
  return malformed('UnsupportedEncoding', 'expected a CloudEvent in JSON, got another event format');
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodedData(
  document: JsonObject,
  { names, firstNames }: OpenerSettings,
  parse: ParseJson,
): Opened | Malformed {
  const { data_base64: encoded, data } = document;
  if (data != null || typeof encoded !== 'string' || !base64.test(encoded))
    return malformed('InvalidCloudEvent', 'expected Base64, and no data beside it', '/data_base64');
  if (!firstNames.has('data')) return { kind: 'Opened', document };
  const json = bytesJson(Buffer.from(encoded, 'base64'), names, parse);
  return json.kind === 'Json' ? withData(document, json.value) : { ...json, field: '/data_base64' };
}

function withData(attributes: JsonObject, data: unknown): Opened {
  return { kind: 'Opened', document: { ...attributes, data } };
}

function checked(document: JsonObject): Opened | Malformed {
  if (document.specversion !== '1.0')
    return invalid('specversion', 'the text 1.0 in the body or in a header', document.specversion);
  for (const name of ['id', 'source', 'type'])
    if (typeof document[name] !== 'string' || document[name] === '')
      return invalid(name, 'a string of at least one character', document[name]);
  return { kind: 'Opened', document, traceparent: document.traceparent };
}

function invalid(name: string, expected: string, value: unknown): Malformed {
  const got = typeof value === 'string' ? 'another string' : kindOf(value ?? undefined);
  return malformed('InvalidCloudEvent', `expected ${expected}, got ${got}`, `/${name}`);
}
