import assert from 'node:assert/strict';
import { OrderCache } from '../../cache/order-cache.ts';
import type { Row as RealRow, VersionedRow } from '../../cache/record.ts';
import type { Expected } from '../model/protocol.ts';
import { ABSENT_WORD, type Entry, NO_TOKEN, NONE, type Row, type State, versionOf } from '../model/state.ts';
import type { Call, WalkStep } from '../model/walk.ts';
import { type CacheWorld, TABLE } from './cache-world.ts';

/** What the model's version sources are called in Redis. */
const SOURCES = [null, 'orders.version', 'orders.changed_at'] as const;

/** Plays a walk of the model on the real scripts: each result, and what the key holds after it, must be the same. */
export class ModelPlay {
  readonly #world: CacheWorld;
  readonly #orderId: string;
  readonly #caches: readonly OrderCache[];
  /** Leases and tickets: the model's small numbers, and what the scripts were really given. */
  readonly #tokens = new Map<number, string>();
  readonly #compared: (what: string) => void;

  constructor(world: CacheWorld, orderId: string, compared: (what: string) => void) {
    const { connection, keyPrefix } = world;
    this.#world = world;
    this.#orderId = orderId;
    this.#caches = SOURCES.map((versionSource) => new OrderCache(connection, { keyPrefix, versionSource }));
    this.#compared = compared;
  }

  async play(first: State, steps: readonly WalkStep[]): Promise<void> {
    await this.#set(first.entry);
    let { entry } = first;
    for (const { who, what, call, next } of steps) {
      if (call !== null) {
        const where = `${who}: ${what}`;
        assert.equal(await this.#call(call), call.result, where);
        assert.deepEqual(await this.#held(), this.#fields(next.entry), where);
        this.#compared(`${call.script}: ${call.result}`);
      } else if (next.entry !== entry) {
        await this.#set(next.entry);
      }
      entry = next.entry;
    }
    await this.#world.redis.del(this.#world.key(this.#orderId));
  }

  async #call(call: Call): Promise<string> {
    const id = this.#orderId;
    const cache = this.#cache(0);
    switch (call.script) {
      case 'lease': {
        const outcome = await cache.lease(id, 60_000);
        if (outcome.kind === 'granted') this.#tokens.set(call.args[1], outcome.token);
        return outcome.kind;
      }
      case 'fill': {
        const { row, column, source } = call.args[2];
        const table = { ...TABLE, versionSource: SOURCES[source] ?? null };
        return (await cache.fill(id, this.#token(call.args[1]), realRow(row, column), table)).kind;
      }
      case 'fillAbsent':
        return (await cache.fillAbsent(id, this.#token(call.args[1]), 60)).kind;
      case 'release':
        return (await cache.release(id, this.#token(call.args[1]))).kind;
      case 'mark': {
        const { ticket, outcomes } = await cache.apply('mark', [{ orderId: id, expected: null }]);
        this.#tokens.set(call.args[1], ticket);
        return outcomes[0]?.kind ?? 'no outcome';
      }
      case 'drop': {
        const [, expected, source] = call.args;
        const order = { orderId: id, expected: realExpected(expected) };
        return (await this.#cache(source).apply('drop', [order])).outcomes[0]?.kind ?? 'no outcome';
      }
      case 'settle':
        return this.#settle(call);
    }
  }

  async #settle({ args }: Extract<Call, { script: 'settle' }>): Promise<string> {
    const [, ticket, { row, source, mayWrite }] = args;
    const order = { orderId: this.#orderId, row: row && realRow(row, source) };
    const table = mayWrite ? TABLE : null;
    const [outcome] = await this.#cache(source).settle(this.#token(ticket), table, [order]);
    return outcome?.kind === 'dropped' ? outcome.because : (outcome?.kind ?? 'no outcome');
  }

  /** What the model says that the key holds, as Redis would say it. */
  #fields(entry: Entry | null): Record<string, string> {
    if (entry === null) return {};
    if (entry.kind === 'placeholder') {
      return { lease: entry.lease === ABSENT_WORD ? 'absent' : this.#token(entry.lease) };
    }
    const { status, version, source, ticket } = entry;
    return {
      status,
      ...(version === NONE ? {} : { version: `${version}`, source: SOURCES[source] ?? '' }),
      ...(ticket === NO_TOKEN ? {} : { ticket: this.#token(ticket) }),
    };
  }

  async #held(): Promise<Record<string, string>> {
    const { updatedAt, ...fields } = await this.#world.hash(this.#orderId);
    assert.equal(updatedAt === undefined, fields.status === undefined);
    return fields;
  }

  /** What no script did: expiry, failover. */
  async #set(entry: Entry | null): Promise<void> {
    const key = this.#world.key(this.#orderId);
    const fields = this.#fields(entry);
    await this.#world.redis.del(key);
    if (entry === null) return;
    await this.#world.redis.hset(key, entry.kind === 'record' ? { ...fields, updatedAt: '1' } : fields);
  }

  #cache(source: number): OrderCache {
    const cache = this.#caches[source];
    assert.ok(cache, `there is no version source ${source}`);
    return cache;
  }

  #token(token: number): string {
    return this.#tokens.get(token) ?? 'never given';
  }
}

function realRow(row: Row, column: number): RealRow {
  const version = versionOf(row, column);
  return { status: row.status, version: version === NONE ? null : `${version}` };
}

function realExpected(expected: Expected | null): VersionedRow | null {
  if (expected === null || expected.version === NONE) return null;
  return { status: expected.status, version: `${expected.version}` };
}
