import { type Clock, pause } from './clock.ts';
import { type KubernetesClient, KubernetesError } from './kubernetes-client.ts';
import { type Kind, type KubernetesObject, keyOf } from './kubernetes-objects.ts';
import { watchEvents } from './watch-events.ts';

export interface ReflectorOptions {
  readonly client: KubernetesClient;
  readonly kind: Kind;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly labelSelector?: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** Called after the store has changed, with what was there before. */
  readonly onChange: (now: KubernetesObject | undefined, before: KubernetesObject | undefined) => void;
  /** A failed list or watch; it is tried again after `retryIn` milliseconds. */
  readonly onFailure: (error: unknown, retryIn: number) => void;
}

const PAGE_SIZE = 250;
/**
 * A watch is ended by the server after 25 to 35 s, and given up by us a little later: one that dies silently hides
 * changes for no longer than this.
 */
const WATCH_SECONDS = { least: 25, spread: 10, grace: 5 };
const RELIST_MS = 10 * 60_000;
const BACKOFF_MS = { initial: 500, max: 30_000 };

/** What happens after a watch ended: another from where it ended, or a list first. */
type Ended = 'Continue' | 'Relist';

/**
 * A copy of one kind of objects, kept by list and watch. client-node's own informer ends for good at the first
 * failed list (kubernetes-client/javascript#1933); this one goes on until it is stopped.
 */
export class Reflector<T extends KubernetesObject> {
  readonly #options: ReflectorOptions;
  readonly #store = new Map<string, T>();
  readonly #stopping = new AbortController();
  #resourceVersion = '';
  #listedAt = 0;
  #aliveAt: number;
  #hasSynced = false;
  #onSynced: () => void = () => undefined;
  #onAnswered: () => void = () => undefined;
  /** Resolves once the first list is in the store. */
  readonly synced = new Promise<void>((resolve) => {
    this.#onSynced = resolve;
  });

  /** Resolves with the first list, or once the API server has refused it: the namespace may be gone, and our rights. */
  readonly answered = new Promise<void>((resolve) => {
    this.#onAnswered = resolve;
  });

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.#aliveAt = options.clock.monotonic();
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Milliseconds since the API server last answered. */
  get age(): number {
    return this.#options.clock.monotonic() - this.#aliveAt;
  }

  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  values(): IterableIterator<T> {
    return this.#store.values();
  }

  /**
   * Takes over what a write of ours returned, ahead of the watch, which brings it too. Where the watch is past that
   * already, the answer is the older news: it would hide a change that no event brings again.
   */
  learn(object: T): void {
    if (Number(object.metadata.resourceVersion) <= Number(this.#resourceVersion)) return;
    this.#store.set(keyOf(object), object);
  }

  /** Lists and watches until `stop`. */
  async run(): Promise<void> {
    let failures = 0;
    let next: Ended = 'Relist';
    while (!this.#stopping.signal.aborted) {
      try {
        if (next === 'Relist' || this.#mustRelist()) await this.#list();
        next = await this.#watch();
        failures = 0;
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#tellRefusal(error);
        next = error instanceof KubernetesError && error.failure === 'Unavailable' ? 'Continue' : 'Relist';
        if (!this.#hasSynced) next = 'Relist';
        failures += 1;
        await this.#pause(error, failures);
      }
    }
  }

  #tellRefusal(error: unknown): void {
    if (!(error instanceof KubernetesError) || error.failure !== 'Forbidden') return;
    this.#aliveAt = this.#options.clock.monotonic();
    this.#onAnswered();
  }

  stop(): void {
    this.#stopping.abort();
  }

  #mustRelist(): boolean {
    return this.#options.clock.monotonic() - this.#listedAt > RELIST_MS;
  }

  async #list(): Promise<void> {
    const { client, kind, namespace, clock } = this.#options;
    const seen = new Map<string, T>();
    let next: string | undefined;
    do {
      const page = await client.listPage(
        kind,
        namespace,
        this.#query({ limit: `${PAGE_SIZE}`, continue: next }),
      );
      for (const item of page.items) seen.set(keyOf(item), item as T);
      next = page.next;
      this.#resourceVersion = page.resourceVersion;
    } while (next !== undefined);
    this.#listedAt = clock.monotonic();
    this.#aliveAt = this.#listedAt;
    this.#replace(seen);
    this.#hasSynced = true;
    this.#onSynced();
    this.#onAnswered();
  }

  #replace(seen: ReadonlyMap<string, T>): void {
    for (const [key] of this.#store) if (!seen.has(key)) this.#set(key, undefined);
    for (const [key, item] of seen) {
      if (this.#store.get(key)?.metadata.resourceVersion !== item.metadata.resourceVersion)
        this.#set(key, item);
    }
  }

  async #watch(): Promise<Ended> {
    const { client, kind, namespace, random } = this.#options;
    const timeoutSeconds = WATCH_SECONDS.least + Math.round(WATCH_SECONDS.spread * random());
    const deadline = AbortSignal.timeout((timeoutSeconds + WATCH_SECONDS.grace) * 1000);
    const signal = AbortSignal.any([deadline, this.#stopping.signal]);
    const query = this.#query({
      resourceVersion: this.#resourceVersion,
      allowWatchBookmarks: 'true',
      timeoutSeconds: `${timeoutSeconds}`,
    });
    const body = await client.watch(kind, namespace, query, signal);
    for await (const event of watchEvents(body)) {
      if (event.type === 'ERROR') return 'Relist';
      this.#take(event.type, event.object as T);
    }
    this.#aliveAt = this.#options.clock.monotonic();
    return 'Continue';
  }

  #take(type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK', object: T): void {
    this.#aliveAt = this.#options.clock.monotonic();
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    if (type === 'BOOKMARK') return;
    this.#set(keyOf(object), type === 'DELETED' ? undefined : object);
  }

  #set(key: string, now: T | undefined): void {
    const before = this.#store.get(key);
    if (now === undefined) this.#store.delete(key);
    else this.#store.set(key, now);
    this.#options.onChange(now, before);
  }

  #query(fields: Record<string, string | undefined>): Record<string, string> {
    const all = { labelSelector: this.#options.labelSelector, ...fields };
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => !!entry[1]));
  }

  async #pause(error: unknown, failures: number): Promise<void> {
    const { clock, random, onFailure } = this.#options;
    const delay = Math.min(BACKOFF_MS.max, BACKOFF_MS.initial * 2 ** Math.min(failures - 1, 10));
    const jittered = Math.round(delay * (0.5 + random()));
    onFailure(error, jittered);
    await pause(clock, jittered, this.#stopping.signal);
  }
}
