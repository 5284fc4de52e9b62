import { type ChannelModel, connect } from 'amqplib';
import { ensureServers } from './ensure.ts';
import { type Scope, uniqueName } from './scope.ts';

interface Rights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** A virtual host of the test's own, with a user that may do everything in it and read the management API. */
export interface TestVhost {
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  readonly amqpUri: string;
  /** With this user's credentials, without a path. */
  readonly managementUri: string;
  /**
   * Adds a user with these rights (regular expressions, as RabbitMQ has them) and returns its AMQP URI, whose login
   * is also that of the management API if `tags` says so. Default: no tags.
   */
  addUser(rights: Rights, tags?: string): Promise<string>;
  /**
   * A connection to this virtual host, as its user or with a URI of `addUser`, closed before the virtual host goes.
   * Its errors are ignored: what the test does with it tells.
   */
  connect(uri?: string): Promise<ChannelModel>;
  /** Cuts every connection to this virtual host from the broker's side; resolves to how many there were. */
  closeConnections(): Promise<number>;
  /** A request to the management API as administrator; path is relative to `/api/`. Undefined when there is no body. */
  management(method: string, path: string, body?: unknown): Promise<unknown>;
}

/** Creates a virtual host and deletes it, with its users and all that is in it, after the test. */
export async function testVhost(scope: Scope): Promise<TestVhost> {
  const uris = await ensureServers();
  const api = managementApi(uris.managementUri);
  const vhost = uniqueName();
  const users: string[] = [];
  const connections: ChannelModel[] = [];
  scope.after(async () => {
    await Promise.allSettled(connections.map((connection) => connection.close()));
    await api('DELETE', `vhosts/${vhost}`);
    for (const user of users) await api('DELETE', `users/${user}`);
  });
  await api('PUT', `vhosts/${vhost}`, {});

  const addUser = async (rights: Rights, tags = '') => {
    const name = users.length === 0 ? vhost : `${vhost}-${users.length}`;
    users.push(name);
    await api('PUT', `users/${name}`, { password: name, tags });
    await api('PUT', `permissions/${vhost}/${name}`, rights);
    return withLogin(uris.amqpUri, name, `/${vhost}`);
  };
  const amqpUri = await addUser({ configure: '.*', write: '.*', read: '.*' }, 'management');
  const open = async (uri = amqpUri) => {
    const connection = await connect(uri, { timeout: 30_000 });
    connection.on('error', () => {});
    connections.push(connection);
    return connection;
  };
  return {
    vhost,
    username: vhost,
    password: vhost,
    amqpUri,
    managementUri: withLogin(uris.managementUri, vhost, ''),
    addUser,
    connect: open,
    closeConnections: () => closeConnections(api, users),
    management: api,
  };
}

function withLogin(uri: string, user: string, path: string): string {
  const url = new URL(uri);
  return `${url.protocol}//${user}:${user}@${url.host}${path}`;
}

type Management = (method: string, path: string, body?: unknown) => Promise<unknown>;

function managementApi(uri: string): Management {
  const { origin, username, password } = new URL(uri);
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers = {
    authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    'content-type': 'application/json',
  };
  return async (method, path, body) => {
    const init = { method, headers, signal: AbortSignal.timeout(30_000) };
    const response = await fetch(
      `${origin}/api/${path}`,
      body === undefined ? init : { ...init, body: JSON.stringify(body) },
    );
    const text = await response.text();
    if (!response.ok && !(method === 'DELETE' && response.status === 404)) {
      throw new Error(`RabbitMQ management: ${method} ${path}: ${response.status} ${text}`);
    }
    return response.ok && text !== '' ? JSON.parse(text) : undefined;
  };
}

/** Asked by user, since the list by virtual host comes from statistics that lag by seconds. */
async function closeConnections(api: Management, users: readonly string[]): Promise<number> {
  let closed = 0;
  for (const user of users) {
    closed += ((await api('GET', `connections/username/${user}`)) as unknown[]).length;
    await api('DELETE', `connections/username/${user}`);
  }
  return closed;
}
