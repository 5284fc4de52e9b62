import { createHash } from 'node:crypto';
import { EVENT_FORMATS, type WorkerConfig } from '../api/worker-config.ts';

export type ConfigResult =
  | { readonly kind: 'Valid'; readonly config: WorkerConfig }
  /** One line that names the field and what was expected. */
  | { readonly kind: 'Invalid'; readonly message: string };

/** First 16 hexadecimal digits of the SHA-256 of the exact bytes. */
export function configHash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** The operator wrote it, perhaps another version of the operator: what this worker relies on is checked. */
export function parseConfig(bytes: Buffer): ConfigResult {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { kind: 'Invalid', message: 'config.json: expected JSON' };
  }
  for (const [path, expected, check] of EXPECTED) {
    const value = path.split('.').reduce(child, document);
    if (!check(value)) return { kind: 'Invalid', message: `config.json: ${path}: expected ${expected}` };
  }
  const config = document as WorkerConfig;
  if (config.strategy === 'WriteThrough' && config.database === undefined) {
    return { kind: 'Invalid', message: 'config.json: database: expected an object for WriteThrough' };
  }
  return { kind: 'Valid', config };
}

function child(value: unknown, key: string): unknown {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

type Check = (value: unknown) => boolean;
const text: Check = (value) => typeof value === 'string' && value !== '';
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const integer =
  (minimum: number, maximum: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= minimum && value <= maximum;
const oneOf =
  (...words: string[]): Check =>
  (value) =>
    typeof value === 'string' && words.includes(value);
const listOf =
  (check: Check, minimum: number): Check =>
  (value) =>
    Array.isArray(value) && value.length >= minimum && value.every(check);
const step: Check = (value) =>
  text(child(value, 'exchange')) && integer(1, 86400)(child(value, 'delaySeconds'));
const pointer: Check = (value) => typeof value === 'string' && /^(\/([^/~]|~[01])*)+$/.test(value);
const sqlName: Check = (value) => typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(value);
const columns: Check = (value) =>
  ['orderId', 'status', 'version'].every((key) => sqlName(child(child(value, 'columns'), key)));
const table: Check = (value) => typeof value === 'string' && value.split('.').every(sqlName);
const writer = oneOf('Initiator', 'Worker');
const database: Check = (value) =>
  table(child(value, 'table')) && columns(value) && writer(child(value, 'writer'));
const confirmation: Check = (value) =>
  optional(text)(child(value, 'exchange')) &&
  typeof child(value, 'routingKey') === 'string' &&
  typeof child(value, 'replyTo') === 'boolean';

const FORMATS = ['RFC3339', 'UnixSeconds', 'UnixMilliseconds', 'UnixMicroseconds'];

const EXPECTED: readonly (readonly [path: string, expected: string, check: Check])[] = [
  ['policy.uid', 'a string', text],
  ['strategy', 'WriteThrough or ReadThrough', oneOf('WriteThrough', 'ReadThrough')],
  ['event.format', EVENT_FORMATS.join(', '), oneOf(...EVENT_FORMATS)],
  ['event.orderIdPointer', 'a JSON pointer', pointer],
  ['event.statusPointer', 'a JSON pointer', pointer],
  ['event.timestampPointer', 'a JSON pointer', pointer],
  ['event.timestampFormat', FORMATS.join(', '), oneOf(...FORMATS)],
  ['event.versionPointer', 'a JSON pointer or nothing', optional(pointer)],
  ['event.versionFormat', 'Integer or Timestamp', oneOf('Integer', 'Timestamp')],
  ['event.maxClockSkewSeconds', 'a whole number from 0', integer(0, 86400)],
  ['event.maxBodyBytes', 'a whole number from 1', integer(1, 2 ** 30)],
  ['rabbitmq.queues', 'at least one queue', listOf(text, 1)],
  ['rabbitmq.deadLetterQueue', 'a string', text],
  ['rabbitmq.retry.maxAttempts', 'a whole number from 1 to 100', integer(1, 100)],
  ['rabbitmq.retry.steps', 'steps, each with exchange and delaySeconds', listOf(step, 0)],
  ['redis.keyPrefix', 'a string', text],
  ['database', 'an object with table, columns and writer, or nothing', optional(database)],
  ['confirmation', 'an object with routingKey and replyTo, or nothing', optional(confirmation)],
  // AMQP takes 0 for unlimited.
  ['prefetchCount', 'a whole number from 1 to 65535', integer(1, 65535)],
  ['terminationGracePeriodSeconds', 'a whole number from 1', integer(1, 86400)],
];
