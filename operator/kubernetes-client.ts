import { type Kind, type KubernetesObject, pathOf } from './kubernetes-objects.ts';
import type { Reply, Session } from './kubernetes-session.ts';

export const FIELD_MANAGER = 'order-cache-operator';

/** Named by what happens next; `Unavailable` and `Throttled` are tried again with backoff. */
export type FailureKind =
  | 'NotFound'
  | 'Conflict'
  | 'AlreadyExists'
  | 'Gone'
  | 'Forbidden'
  | 'Invalid'
  | 'Throttled'
  | 'Unavailable';

/** A refused or failed call to the API server. */
export class KubernetesError extends Error {
  readonly failure: FailureKind;
  readonly retryAfterSeconds: number | undefined;
  constructor(failure: FailureKind, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = 'KubernetesError';
    this.failure = failure;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface ListPage {
  readonly items: readonly KubernetesObject[];
  readonly resourceVersion: string;
  readonly next: string | undefined;
}

const READ_DEADLINE_MS = 10_000;
/** Shorter than what remains of a lease at the last moment a write may start (see leader-election.ts). */
const WRITE_DEADLINE_MS = 5_000;
const LIST_DEADLINE_MS = 30_000;

/**
 * The calls that the operator makes. Every one has a deadline and throws KubernetesError.
 * `mayWrite` is called right before each write and throws when this process may not write any more.
 */
export class KubernetesClient {
  readonly #session: Session;
  readonly #mayWrite: () => void;

  constructor(session: Session, mayWrite: () => void) {
    this.#session = session;
    this.#mayWrite = mayWrite;
  }

  /** The object, or undefined when there is none. */
  async get<T extends KubernetesObject>(kind: Kind, namespace: string, name: string): Promise<T | undefined> {
    return this.#read<T>(pathOf(kind, namespace, name));
  }

  /** `deletionTimestamp` of a namespace says that it is going away. Undefined when there is none. */
  async getNamespace(name: string): Promise<KubernetesObject | undefined> {
    return this.#read(`/api/v1/namespaces/${encodeURIComponent(name)}`);
  }

  async listPage(
    kind: Kind,
    namespace: string | undefined,
    query: Record<string, string>,
  ): Promise<ListPage> {
    const path = `${pathOf(kind, namespace)}?${new URLSearchParams(query)}`;
    const body = await this.#call(() =>
      this.#session.send({ method: 'GET', path, deadline: LIST_DEADLINE_MS }),
    );
    const list = body as {
      items?: KubernetesObject[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    };
    // The items of a list carry neither apiVersion nor kind.
    const items = (list.items ?? []).map((item) => ({
      ...item,
      apiVersion: kind.apiVersion,
      kind: kind.kind,
    }));
    return {
      items,
      resourceVersion: list.metadata?.resourceVersion ?? '',
      next: list.metadata?.continue || undefined,
    };
  }

  /** Server-side apply, also over other managers' fields. Without a change the resourceVersion stays. */
  async apply<T extends KubernetesObject>(kind: Kind, object: T, subresource?: 'status'): Promise<T> {
    const query = new URLSearchParams({ fieldManager: FIELD_MANAGER, force: 'true' });
    const item = pathOf(kind, object.metadata.namespace, object.metadata.name);
    const path = `${item}${subresource ? `/${subresource}` : ''}?${query}`;
    return this.#write('PATCH', path, object, 'application/apply-patch+yaml');
  }

  async create<T extends KubernetesObject>(kind: Kind, object: T): Promise<T> {
    return this.#write('POST', pathOf(kind, object.metadata.namespace), object);
  }

  /** Refused with `Conflict` unless the object still has the resourceVersion given in it. */
  async replace<T extends KubernetesObject>(kind: Kind, object: T): Promise<T> {
    return this.#write('PUT', pathOf(kind, object.metadata.namespace, object.metadata.name), object);
  }

  async mergePatch<T extends KubernetesObject>(
    kind: Kind,
    namespace: string,
    name: string,
    patch: object,
  ): Promise<T> {
    const path = `${pathOf(kind, namespace, name)}?${new URLSearchParams({ fieldManager: FIELD_MANAGER })}`;
    return this.#write('PATCH', path, patch, 'application/merge-patch+json');
  }

  /** The raw lines of a watch; the caller ends it through `signal`. */
  async watch(
    kind: Kind,
    namespace: string | undefined,
    query: Record<string, string>,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    const path = `${pathOf(kind, namespace)}?${new URLSearchParams({ ...query, watch: 'true' })}`;
    const { status, body } = await this.#session.stream(path, signal).catch((error: unknown) => {
      throw unavailable(error);
    });
    if (status === 200) return body;
    for await (const _ of body) break;
    throw failureOf({ status, body: undefined, retryAfterSeconds: undefined });
  }

  async #read<T>(path: string): Promise<T | undefined> {
    try {
      const body = await this.#call(() =>
        this.#session.send({ method: 'GET', path, deadline: READ_DEADLINE_MS }),
      );
      return body as T;
    } catch (error) {
      if (error instanceof KubernetesError && error.failure === 'NotFound') return undefined;
      throw error;
    }
  }

  async #write<T>(
    method: 'POST' | 'PUT' | 'PATCH',
    path: string,
    body: object,
    contentType?: string,
  ): Promise<T> {
    const call = { method, path, body, deadline: WRITE_DEADLINE_MS, ...(contentType ? { contentType } : {}) };
    const reply = await this.#call(() => {
      this.#mayWrite();
      return this.#session.send(call);
    });
    return reply as T;
  }

  async #call(send: () => Promise<Reply>): Promise<unknown> {
    let reply: Reply;
    try {
      reply = await send();
    } catch (error) {
      throw error instanceof Error && error.name === 'NotLeader' ? error : unavailable(error);
    }
    if (reply.status >= 200 && reply.status < 300) return reply.body;
    throw failureOf(reply);
  }
}

const FAILURES: Readonly<Record<number, FailureKind>> = {
  401: 'Forbidden',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'Throttled',
};

function failureOf({ status, body, retryAfterSeconds }: Reply): KubernetesError {
  const { message, reason } = (body ?? {}) as { message?: string; reason?: string };
  const failure = reason === 'AlreadyExists' ? 'AlreadyExists' : (FAILURES[status] ?? 'Unavailable');
  const text = `API server answered ${status}${message ? `: ${message}` : ''}`;
  return new KubernetesError(failure, text, retryAfterSeconds);
}

function unavailable(error: unknown): KubernetesError {
  const cause = error instanceof Error ? error.message : String(error);
  return new KubernetesError('Unavailable', `API server cannot be reached: ${cause}`);
}
