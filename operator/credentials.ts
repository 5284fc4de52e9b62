/**
 * Reads the Secrets that the operator uses itself. Pure. A message names the key and what was expected, never the
 * value: a mistyped uri may hold a password anywhere.
 */
import { parseRedisAddress, type RedisCredentials, RedisUriInvalid } from '../cache/ttl-table-redis.ts';
import type {
  ManagementCredentials,
  Parsed,
  RabbitMqCredentials,
  SecretData,
  TlsMaterial,
} from './connection-credentials.ts';

/** Keys: uri and managementUri; optional username, password, ca.crt, tls.crt, tls.key. */
export function parseManagementCredentials(data: SecretData): Parsed<ManagementCredentials> {
  return checked(() => {
    const keys = trimmed(data);
    const managementUri = readUri(keys, 'managementUri', ['http:', 'https:']);
    const broker = readBroker(keys);
    return { ...broker, managementUri: baseOf(managementUri) };
  });
}

/** Keys: uri; optional username, password, ca.crt, tls.crt, tls.key. */
export function parseRabbitMqCredentials(data: SecretData): Parsed<RabbitMqCredentials> {
  return checked(() => readBroker(trimmed(data)));
}

/** Keys: uri; optional username, password, ca.crt, tls.crt, tls.key. */
export function parseRedisCredentials(data: SecretData): Parsed<RedisCredentials> {
  return checked(() => {
    const keys = trimmed(data);
    const { username, password } = keys;
    const credentials = {
      uri: required(keys, 'uri', 'expected redis://host:port or rediss://host:port'),
      ...(username === undefined ? {} : { username: oneLine('username', username) }),
      ...(password === undefined ? {} : { password: oneLine('password', password) }),
      ...readTls(keys),
    };
    checkRedisUri(credentials);
    return credentials;
  });
}

/**
 * Which Redis this is, as far as its uri tells: hosts in order, the Sentinel master, the database. Two names of one
 * server are two identities.
 */
export function redisIdentity(credentials: RedisCredentials): string {
  const { hosts, masterName, database } = parseRedisAddress(credentials);
  const list = hosts.map(({ host, port }) => `${host.toLowerCase()}:${port}`).sort();
  const master = masterName === '' ? '' : `${masterName}@`;
  return `${master}${list.join(',')}/${database}`;
}

class SecretInvalid extends Error {}

function checked<C>(read: () => C): Parsed<C> {
  try {
    return { kind: 'Credentials', credentials: read() };
  } catch (error) {
    if (!(error instanceof SecretInvalid)) throw error;
    return { kind: 'Problem', reason: 'SecretInvalid', message: error.message, retryable: false };
  }
}

/** Values made with `echo` or an editor end with a newline that nobody means. */
function trimmed(data: SecretData): SecretData {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.replace(/[\r\n]+$/, '')]));
}

function readBroker(keys: SecretData): RabbitMqCredentials {
  const url = readUri(keys, 'uri', ['amqp:', 'amqps:']);
  const tlsEnabled = url.protocol === 'amqps:';
  return {
    tlsEnabled,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (tlsEnabled ? 5671 : 5672) : Number(url.port),
    vhost: decoded(url.pathname.slice(1), 'vhost') || '/',
    username: readLogin(keys, 'username', url.username),
    password: readLogin(keys, 'password', url.password),
    tls: readTls(keys),
  };
}

function readUri(keys: SecretData, key: string, protocols: readonly string[]): URL {
  const expected = `expected ${protocols.map((protocol) => `${protocol}//host:port`).join(' or ')}`;
  const text = required(keys, key, expected);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || !protocols.includes(url.protocol) || url.hash !== '') {
    throw new SecretInvalid(
      `${key}: ${expected}; @ / ? # % in a user or password must be percent-encoded, or put username and password ` +
        'into keys of their own',
    );
  }
  return url;
}

function readLogin(keys: SecretData, key: 'username' | 'password', inUri: string): string {
  const value = keys[key] ?? decoded(inUri, key);
  if (value === '') throw new SecretInvalid(`${key}: expected a value here or in uri, got none`);
  return oneLine(key, value);
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new SecretInvalid(`uri: expected the ${what} to be percent-encoded, got a % that encodes nothing`);
  }
}

function readTls(keys: SecretData): TlsMaterial {
  const ca = readPem(keys, 'ca.crt');
  const cert = readPem(keys, 'tls.crt');
  const key = readPem(keys, 'tls.key');
  if ((cert === undefined) !== (key === undefined)) {
    throw new SecretInvalid(
      `${cert === undefined ? 'tls.crt' : 'tls.key'}: expected beside the other, got none`,
    );
  }
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

function readPem(keys: SecretData, key: string): string | undefined {
  const text = keys[key];
  if (text === undefined || text === '') return undefined;
  if (!text.includes('-----BEGIN '))
    throw new SecretInvalid(`${key}: expected a PEM text, got something else`);
  return text;
}

function checkRedisUri(credentials: RedisCredentials): void {
  try {
    parseRedisAddress(credentials);
  } catch (error) {
    if (!(error instanceof RedisUriInvalid)) throw error;
    throw new SecretInvalid(`uri: ${error.message.replace(/^Redis uri: /, '')}`);
  }
}

function required(keys: SecretData, key: string, expected: string): string {
  const value = keys[key];
  if (value === undefined || value === '') throw new SecretInvalid(`${key}: ${expected}, got none`);
  return value;
}

function oneLine(key: string, value: string): string {
  if (/\p{Cc}/u.test(value)) throw new SecretInvalid(`${key}: expected one line of text`);
  return value;
}

/** Without credentials, query and the `/api` that people copy along. */
function baseOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '').replace(/\/api$/, '')}`;
}
