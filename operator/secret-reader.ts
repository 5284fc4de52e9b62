import type { Clock } from './clock.ts';
import type { SecretData } from './connection-credentials.ts';
import { type KubernetesClient, KubernetesError } from './kubernetes-client.ts';
import { SECRET, type Secret } from './kubernetes-objects.ts';

export type SecretState =
  | { readonly kind: 'Found'; readonly version: string; readonly data: SecretData }
  | { readonly kind: 'Missing' }
  /** RBAC does not let the operator read it. */
  | { readonly kind: 'Forbidden' };

/** How old a Secret may be when it is used. Each policy is looked at every 10 s, so a rotation is seen within 20 s. */
const MAX_AGE_MS = 9_000;
const FORGET_MS = 120_000;

interface Entry {
  readonly state: Promise<SecretState>;
  readonly readAt: number;
}

/**
 * Secrets by name. They are read again and again and not watched, because RBAC that names Secrets allows `get` on
 * them and no list.
 */
export class SecretReader {
  readonly #client: KubernetesClient;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(client: KubernetesClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws KubernetesError when the API server cannot be asked. */
  async read(namespace: string, name: string): Promise<SecretState> {
    const key = `${namespace}/${name}`;
    const now = this.#clock.monotonic();
    const known = this.#entries.get(key);
    if (known && now - known.readAt < MAX_AGE_MS) return known.state;
    this.#forgetUnused(now);
    const state = this.#fetch(namespace, name);
    this.#entries.set(key, { state, readAt: now });
    state.catch(() => this.#entries.delete(key));
    return state;
  }

  async #fetch(namespace: string, name: string): Promise<SecretState> {
    try {
      const secret = await this.#client.get<Secret>(SECRET, namespace, name);
      if (secret === undefined) return { kind: 'Missing' };
      return { kind: 'Found', version: secret.metadata.resourceVersion ?? '', data: decoded(secret) };
    } catch (error) {
      if (error instanceof KubernetesError && error.failure === 'Forbidden') return { kind: 'Forbidden' };
      throw error;
    }
  }

  #forgetUnused(now: number): void {
    for (const [key, { readAt }] of this.#entries) if (now - readAt > FORGET_MS) this.#entries.delete(key);
  }
}

function decoded(secret: Secret): SecretData {
  const entries = Object.entries(secret.data ?? {});
  return Object.fromEntries(
    entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}
