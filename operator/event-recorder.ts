import { createHash } from 'node:crypto';
import type { OrderCachePolicy } from '../api/policy.ts';
import type { Clock } from './clock.ts';
import type { KubernetesClient } from './kubernetes-client.ts';
import { EVENT, type KubernetesObject } from './kubernetes-objects.ts';

/** What is told about a policy: `kubectl describe ocp` and `kubectl events` show it. */
export interface Notice {
  readonly type: 'Normal' | 'Warning';
  /** One PascalCase word. */
  readonly reason: string;
  /** What the operator did or tried, one PascalCase word. */
  readonly action: string;
  /** Without secrets. */
  readonly note: string;
}

interface Series {
  readonly name: string;
  count: number;
  writtenAt: number;
}

interface EventObject extends KubernetesObject {
  readonly [field: string]: unknown;
}

/** The same notice again within this time counts up the first event instead of making another. */
const SERIES_MS = 10 * 60_000;
/** And is written at most this often. */
const SERIES_WRITE_MS = 60_000;
const MAX_NOTE = 1000;

/** Writes events.k8s.io/v1 Events. A failure to do so is reported and never holds up a reconcile. */
export class EventRecorder {
  readonly #client: KubernetesClient;
  readonly #instance: string;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  readonly #series = new Map<string, Series>();

  constructor(client: KubernetesClient, instance: string, clock: Clock, onFailure: (error: unknown) => void) {
    this.#client = client;
    this.#instance = instance;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  async record(policy: OrderCachePolicy, notice: Notice): Promise<void> {
    const now = this.#clock.now();
    this.#forgetOld(now);
    const key = fingerprint(policy, notice);
    const series = this.#series.get(key);
    try {
      if (series === undefined) await this.#first(key, policy, notice, now);
      else await this.#repeat(series, policy.metadata.namespace, now);
    } catch (error) {
      this.#series.delete(key);
      this.#onFailure(error);
    }
  }

  async #first(key: string, policy: OrderCachePolicy, notice: Notice, now: number): Promise<void> {
    const name = `${policy.metadata.name}.${key}.${now.toString(36)}`;
    this.#series.set(key, { name, count: 1, writtenAt: now });
    await this.#client.create(EVENT, eventOf(name, this.#instance, policy, notice, now));
  }

  async #repeat(series: Series, namespace: string, now: number): Promise<void> {
    series.count += 1;
    if (now - series.writtenAt < SERIES_WRITE_MS) return;
    series.writtenAt = now;
    const patch = { series: { count: series.count, lastObservedTime: microTime(now) } };
    await this.#client.mergePatch(EVENT, namespace, series.name, patch);
  }

  #forgetOld(now: number): void {
    for (const [key, { writtenAt }] of this.#series) {
      if (now - writtenAt > SERIES_MS) this.#series.delete(key);
    }
  }
}

function eventOf(
  name: string,
  instance: string,
  policy: OrderCachePolicy,
  notice: Notice,
  now: number,
): EventObject {
  const { namespace } = policy.metadata;
  return {
    apiVersion: EVENT.apiVersion,
    kind: EVENT.kind,
    metadata: { namespace, name },
    eventTime: microTime(now),
    reportingController: 'ordercache.io/operator',
    reportingInstance: instance.slice(0, 128),
    type: notice.type,
    reason: notice.reason,
    action: notice.action,
    note: notice.note.slice(0, MAX_NOTE),
    regarding: {
      apiVersion: policy.apiVersion,
      kind: policy.kind,
      namespace,
      name: policy.metadata.name,
      uid: policy.metadata.uid,
    },
  };
}

function fingerprint(policy: OrderCachePolicy, notice: Notice): string {
  const parts = [policy.metadata.uid, notice.type, notice.reason, notice.action, notice.note];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
