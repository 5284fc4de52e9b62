import { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
import { type Dispatcher, request } from 'undici';

/**
 * Addresses, certificates and credentials come from client-node; requests go through one kept dispatcher, since
 * client-node itself opens a TLS connection for each request (kubernetes-client/javascript#2893).
 */
export interface Session {
  send(call: Call): Promise<Reply>;
  /** Opens a response that does not end by itself, as a watch has. Status and body are the caller's to judge. */
  stream(path: string, signal: AbortSignal): Promise<{ status: number; body: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  /** Default: application/json. */
  readonly contentType?: string;
  /** In milliseconds. */
  readonly deadline: number;
}

export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfterSeconds: number | undefined;
}

interface Access {
  readonly dispatcher: Dispatcher;
  readonly headers: Record<string, string>;
  readonly readAt: number;
}

/** Projected service account tokens are replaced hourly; a fresh one is read at least this often. */
const HEADERS_MAX_AGE_MS = 60_000;

/**
 * The file given, else KUBECONFIG, ~/.kube/config, or the service account of the pod. Throws when there is none or it
 * cannot be read.
 */
export function openSession(kubeconfig?: string): Session {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new Error('KUBECONFIG: expected a current context with a cluster, got none');
  return sessionOf(config, server);
}

function sessionOf(config: KubeConfig, server: string): Session {
  let access: Access | undefined;

  const current = async (): Promise<Access> => {
    if (access !== undefined && Date.now() - access.readAt < HEADERS_MAX_AGE_MS) return access;
    const fresh = await readAccess(config, server);
    access = { ...fresh, dispatcher: access?.dispatcher ?? fresh.dispatcher };
    return access;
  };
  /** After a 401 the certificate may have been replaced too: everything is read again. */
  const forget = (status: number) => {
    if (status !== 401) return;
    void access?.dispatcher.close().catch(() => undefined);
    access = undefined;
  };

  return {
    async send(call) {
      const { dispatcher, headers } = await current();
      const response = await request(server + call.path, {
        method: call.method,
        dispatcher,
        headers: {
          ...headers,
          accept: 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        signal: AbortSignal.timeout(call.deadline),
      });
      const text = await response.body.text();
      forget(response.statusCode);
      return {
        status: response.statusCode,
        body: parsed(text),
        retryAfterSeconds: seconds(response.headers['retry-after']),
      };
    },
    async stream(path, signal) {
      const { dispatcher, headers } = await current();
      const response = await request(server + path, {
        dispatcher,
        headers: { ...headers, accept: 'application/json' },
        signal,
        bodyTimeout: 0,
      });
      forget(response.statusCode);
      return { status: response.statusCode, body: response.body };
    },
    async close() {
      await access?.dispatcher.destroy();
    },
  };
}

async function readAccess(config: KubeConfig, server: string): Promise<Access> {
  const context = new RequestContext(server, HttpMethod.GET);
  await config.applySecurityAuthentication(context);
  const dispatcher = context.getDispatcher();
  if (dispatcher === undefined) throw new Error('KUBECONFIG: the cluster has no usable transport');
  // client-node types the dispatcher by the undici typings it carries; at run time it is the same undici.
  return {
    dispatcher: dispatcher as unknown as Dispatcher,
    headers: context.getHeaders(),
    readAt: Date.now(),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) };
  }
}

function seconds(header: string | string[] | undefined): number | undefined {
  const value = Number(header);
  return header !== undefined && Number.isFinite(value) ? value : undefined;
}
