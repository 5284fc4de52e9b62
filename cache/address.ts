import { RedisUriInvalid } from './failure.ts';

/** How to reach Redis, as it stands in a Secret. Certificates and keys are PEM texts. */
export interface RedisCredentials {
  /**
   * `redis://host:6379/0`, `rediss://` for TLS, or a comma-separated list of either; query `mode=standalone|sentinel|
   * cluster` (default: standalone, or cluster for a list) and `name=<sentinel master>`.
   */
  readonly uri: string;
  /** Overrides what is in the uri. */
  readonly username?: string;
  /** Overrides what is in the uri; taken as it is, without percent-encoding. */
  readonly password?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface RedisAddress {
  readonly mode: 'standalone' | 'sentinel' | 'cluster';
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Name of the master in Sentinel; empty otherwise. */
  readonly masterName: string;
  readonly database: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

const DEFAULT_PORT = { standalone: 6379, cluster: 6379, sentinel: 26379 };

/** @throws RedisUriInvalid, whose message names what is wrong and holds no part of the uri. */
export function parseRedisAddress(credentials: RedisCredentials): RedisAddress {
  const parts = splitUri(credentials.uri.trim());
  const mode = readMode(parts.query.get('mode'), parts.hosts.length);
  const address: RedisAddress = {
    mode,
    hosts: parts.hosts.map((host) => parseHost(host, DEFAULT_PORT[mode])),
    masterName: parts.query.get('name') ?? '',
    database: readDatabase(parts.path),
    username: credentials.username ?? decode(parts.username, 'username'),
    password: credentials.password ?? decode(parts.password, 'password'),
    tls: parts.scheme === 'rediss',
  };
  checkTogether(address);
  return address;
}

function checkTogether(address: RedisAddress): void {
  const { mode, hosts, masterName, database } = address;
  if (mode === 'sentinel' && masterName === '')
    throw invalid('expected name=<master> in the query for mode=sentinel');
  if (mode === 'standalone' && hosts.length > 1) throw invalid('expected one host for mode=standalone');
  if (mode === 'cluster' && database !== 0) throw invalid('a Redis Cluster has database 0 only');
}

interface UriParts {
  readonly scheme: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly hosts: readonly string[];
  readonly path: string;
  readonly query: URLSearchParams;
}

/** By hand, because the URL class knows no lists of hosts. Each item of the list may repeat scheme and user. */
function splitUri(uri: string): UriParts {
  const match = /^(rediss?):\/\/([^/?#]*(?:,rediss?:\/\/[^/?#]*)*)(\/[^/?#]*)?(?:\?([^#]*))?$/.exec(uri);
  if (match === null) {
    throw invalid('expected redis://host:port or rediss://host:port, with @ / ? # , in a password encoded');
  }
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  const items = authority.split(',').map((item) => item.replace(/^rediss?:\/\//, ''));
  const [first = ''] = items;
  const user = first.includes('@') ? first.slice(0, first.lastIndexOf('@')) : undefined;
  const [username, ...password] = user?.split(':') ?? [];
  return {
    scheme,
    username: username === '' ? undefined : username,
    password: password.length === 0 ? undefined : password.join(':'),
    hosts: items.map((item) => item.slice(item.lastIndexOf('@') + 1)),
    path,
    query: new URLSearchParams(query),
  };
}

function parseHost(text: string, defaultPort: number): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65535)
    throw invalid('expected host or host:port for every host');
  return { host, port };
}

function readMode(mode: string | null, hosts: number): RedisAddress['mode'] {
  if (mode === null) return hosts > 1 ? 'cluster' : 'standalone';
  if (mode === 'standalone' || mode === 'sentinel' || mode === 'cluster') return mode;
  throw invalid('expected mode=standalone, mode=sentinel or mode=cluster in the query');
}

function readDatabase(path: string): number {
  if (path === '' || path === '/') return 0;
  if (!/^\/\d{1,4}$/.test(path)) throw invalid('expected a database number as path, for example /0');
  return Number(path.slice(1));
}

function decode(text: string | undefined, what: string): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`the ${what} is not percent-encoded; the key ${what} takes it as it is`);
  }
}

function invalid(problem: string): RedisUriInvalid {
  return new RedisUriInvalid(`Redis uri: ${problem}`);
}
