import { Agent, type Dispatcher } from 'undici';
import type { ManagementCredentials } from './connection-credentials.ts';
import { BrokerFailure, networkReason } from './rabbitmq-failure.ts';

const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
/** A write that begins at the last moment of a lease ends before another may take it over; see leader-decision.ts. */
const WRITE_MS = 5_000;
/** All requests of one use together. */
const SESSION_MS = 25_000;

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** JSON over the management API, with deadlines; rejects with BrokerFailure only. */
export interface ManagementSession {
  /** `path` comes percent-encoded, relative to `/api/`. Resolves to undefined for an answer without a body. */
  request(method: Method, path: string, body?: object): Promise<unknown>;
  close(): Promise<void>;
}

/** For one use: it opens its connections with the credentials of this moment, and must be closed. */
export function openManagementSession(credentials: ManagementCredentials): ManagementSession {
  const { ca, cert, key } = credentials.tls;
  const agent = new Agent({
    connections: 4,
    connect: { timeout: CONNECT_MS, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    headersTimeout: REQUEST_MS,
    bodyTimeout: REQUEST_MS,
  });
  const login = `${credentials.username}:${credentials.password}`;
  const headers = {
    authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    'content-type': 'application/json',
  };
  const end = AbortSignal.timeout(SESSION_MS);
  const base = new URL(credentials.managementUri);
  return {
    request: async (method, path, body) => {
      const answer = await send(agent, {
        origin: base.origin,
        path: `${base.pathname.replace(/\/$/, '')}/api/${path}`,
        method,
        headers,
        signal: method === 'GET' ? end : AbortSignal.any([end, AbortSignal.timeout(WRITE_MS)]),
        ...(body && { body: JSON.stringify(body) }),
      });
      return read(answer.status, answer.text, `${method} ${path.split('?')[0]}`);
    },
    close: () => agent.destroy(),
  };
}

async function send(
  agent: Agent,
  options: Dispatcher.RequestOptions,
): Promise<{ status: number; text: string }> {
  try {
    const { statusCode, body } = await agent.request(options);
    return { status: statusCode, text: await body.text() };
  } catch (error) {
    throw new BrokerFailure('Unavailable', `RabbitMQ management API: ${networkReason(error)}`);
  }
}

function read(status: number, text: string, what: string): unknown {
  if (status >= 200 && status < 300) return text === '' ? undefined : parse(text, what);
  const said = `RabbitMQ management API: ${what}: ${status} ${reasonIn(text)}`.trimEnd();
  if (status === 401 || status === 403) throw new BrokerFailure('AccessRefused', said);
  if (status === 404) throw new BrokerFailure('NotFound', said);
  if (status >= 400 && status < 500 && status !== 429) throw new BrokerFailure('Refused', said);
  throw new BrokerFailure('Unavailable', said);
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new BrokerFailure(
      'Unavailable',
      `RabbitMQ management API: ${what}: expected JSON, got something else`,
    );
  }
}

function reasonIn(text: string): string {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null || !('reason' in answer)) return '';
    return String(answer.reason).slice(0, 200);
  } catch {
    return '';
  }
}
