import type { RedisCredentials } from '../cache/connect.ts';

/** The keys of one Secret; a key that it does not have is absent. */
export type SecretFiles = Readonly<Record<string, string>>;

/** Says which key is wrong, and never its value. */
export class InvalidCredentials extends Error {
  override readonly name = 'InvalidCredentials';
}

export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RabbitMQCredentials {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** As in the URI, percent-encoded. */
  readonly vhost: string;
  /** In seconds. */
  readonly heartbeat: number;
  readonly tls: TlsFiles;
}

const DEFAULT_HEARTBEAT_SECONDS = 5;

/** @throws InvalidCredentials */
export function rabbitmqCredentials(files: SecretFiles): RabbitMQCredentials {
  const url = uriOf('rabbitmq', files, ['amqp:', 'amqps:']);
  const protocol = url.protocol === 'amqps:' ? 'amqps' : 'amqp';
  const heartbeat = Number(url.searchParams.get('heartbeat') ?? DEFAULT_HEARTBEAT_SECONDS);
  if (!Number.isInteger(heartbeat) || heartbeat < 1 || heartbeat > 600) {
    throw new InvalidCredentials('rabbitmq/uri: expected a heartbeat from 1 to 600 seconds');
  }
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (protocol === 'amqps' ? 5671 : 5672) : Number(url.port),
    ...login('rabbitmq', url, files),
    vhost: url.pathname.slice(1) || '%2F',
    heartbeat,
    tls: tlsFiles(files),
  };
}

export function redisCredentials(files: SecretFiles): RedisCredentials {
  const { uri, username, password } = files;
  if (uri === undefined) throw new InvalidCredentials('redis/uri: expected a URI, got none');
  return { uri, ...(username && { username }), ...(password && { password }), ...tlsFiles(files) };
}

export interface DatabaseCredentials {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Undefined: without TLS. */
  readonly tls: TlsFiles | undefined;
}

/**
 * With a `ca.crt`, or an sslmode that asks for it, TLS is used, and verified.
 * @param connection for what the error says
 * @throws InvalidCredentials
 */
export function databaseCredentials(files: SecretFiles, connection = 'database'): DatabaseCredentials {
  const url = uriOf(connection, files, ['postgres:', 'postgresql:']);
  const { username, password } = login(connection, url, files);
  const mode = url.searchParams.get('sslmode') ?? (files['ca.crt'] === undefined ? 'disable' : 'verify-full');
  if (!['disable', 'require', 'verify-ca', 'verify-full'].includes(mode)) {
    throw new InvalidCredentials(
      `${connection}/uri: expected sslmode to be disable, require, verify-ca or verify-full`,
    );
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 5432 : Number(url.port),
    database: decode(connection, url.pathname.slice(1)) || username,
    user: username,
    password,
    tls: mode === 'disable' ? undefined : tlsFiles(files),
  };
}

function uriOf(connection: string, files: SecretFiles, protocols: readonly string[]): URL {
  const expected = `${connection}/uri: expected ${protocols.map((each) => `${each}//...`).join(' or ')}`;
  const text = files.uri;
  if (text === undefined) throw new InvalidCredentials(`${expected}, got none`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || !protocols.includes(url.protocol)) {
    throw new InvalidCredentials(`${expected} (characters like @ % # in a password need percent-encoding)`);
  }
  return url;
}

function login(connection: string, url: URL, files: SecretFiles): { username: string; password: string } {
  return {
    username: files.username ?? decode(connection, url.username),
    password: files.password ?? decode(connection, url.password),
  };
}

function decode(connection: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidCredentials(`${connection}/uri: expected percent-encoding, got a stray %`);
  }
}

function tlsFiles(files: SecretFiles): TlsFiles {
  const { 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key } = files;
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
