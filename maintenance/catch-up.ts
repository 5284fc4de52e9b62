/**
 * The story of the catch-up: it looks every few seconds whether events or writes may have been lost, and if so takes
 * every key of the policy through apply, read and settle, page by page, at no more than the declared rate.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { CatchUpReport } from '../api/maintenance.ts';
import type { WorkerConfig } from '../api/worker-config.ts';
import type { MasterConnection, RedisConnection } from '../cache/connect.ts';
import { isCacheable } from '../cache/keys.ts';
import { Abandoned, type Outages } from '../worker/outages.ts';
import {
  advanced,
  begun,
  type CatchUpRequests,
  type CatchUpState,
  type Compared,
  cursorOf,
  decideCatchUp,
  reportOf,
  walked,
} from './catch-up-state.ts';
import type { CatchUpStore } from './catch-up-store.ts';
import { type ComparedWith, compareOrders } from './compare.ts';
import { Pace } from './pace.ts';
import { observePlace, runIdOf, scanPage } from './redis-masters.ts';

/** A lost or replaced Redis is noticed within this, in milliseconds. */
const LOOK_EVERY = 2_000;
/** After an error that is no outage, in milliseconds. */
const FAILED_PAUSE = 30_000;
/** While keys are being moved between masters, in milliseconds. */
const UNSETTLED_PAUSE = 1_000;
/** Keys compared together at most; also what SCAN is asked for. */
const LARGEST_CHUNK = 500;
/** SCAN calls in a second at most, however few of the keys that they pass are ours. */
const MAX_SCANS_PER_SECOND = 200;

/** What the story needs of the world. */
export interface CatchUpWorld {
  readonly config: WorkerConfig;
  readonly requests: CatchUpRequests;
  readonly maxOrdersPerSecond: number;
  readonly connection: () => RedisConnection;
  readonly store: CatchUpStore;
  readonly comparedWith: () => ComparedWith;
  /** Resolves when Redis answers, and has its TTL table back if it had one. @throws RedisFailure */
  readonly redisReady: () => Promise<void>;
  readonly outages: Outages;
  readonly compared: (compared: Compared) => void;
  readonly log: Logger;
}

export class CatchUp {
  readonly #world: CatchUpWorld;
  readonly #stop = new AbortController();
  readonly #chunk: number;
  readonly #orders: Pace;
  readonly #scans = new Pace(MAX_SCANS_PER_SECOND);
  #state: CatchUpState | null = null;
  #failed = false;
  #hasLooked = false;
  /** When a look or a page last ended, in monotonic milliseconds. */
  #progressAt = performance.now();

  constructor(world: CatchUpWorld) {
    this.#world = world;
    const { maxOrdersPerSecond } = world;
    this.#chunk = Math.max(1, Math.min(LARGEST_CHUNK, Math.floor(maxOrdersPerSecond / 4)));
    this.#orders = new Pace(maxOrdersPerSecond);
  }

  /** True once Redis has been looked at for the first time, and then for good. */
  get hasLooked(): boolean {
    return this.#hasLooked;
  }

  /** Milliseconds since something last ended. */
  get idleFor(): number {
    return performance.now() - this.#progressAt;
  }

  report(): CatchUpReport {
    return reportOf(this.#state, this.#failed);
  }

  /** Looks and walks until `stop`. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const pause = await this.#attempt();
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  /** What is under way goes on after the next start. */
  stop(): void {
    this.#stop.abort();
  }

  /** How long to wait before the next look. */
  async #attempt(): Promise<number> {
    const { outages, log } = this.#world;
    try {
      await outages.ride(() => this.#look());
      this.#failed = false;
      return LOOK_EVERY;
    } catch (error) {
      if (error instanceof Abandoned) return 0;
      this.#failed = true;
      log.error({ err: error }, 'the catch-up failed, and is tried again');
      return FAILED_PAUSE;
    }
  }

  async #look(): Promise<void> {
    const { connection, store, requests, log } = this.#world;
    const [place, known] = [await observePlace(connection()), await store.read(connection())];
    const decision = decideCatchUp(known, place, requests, this.#state !== null);
    this.#hasLooked = true;
    this.#progressAt = performance.now();
    if (decision.kind === 'Begin') {
      const { trigger } = decision;
      await this.#keep(begun(trigger, place, known, requests, timestamp()));
      log.info({ trigger, masters: place.masters.length }, 'catch-up started');
    } else {
      this.#state = known;
    }
    if (decision.kind === 'Resume') log.info({ ...this.report() }, 'catch-up resumed');
    if (decision.kind !== 'Rest') await this.#walkUntilComplete();
  }

  async #walkUntilComplete(): Promise<void> {
    const { connection, redisReady, log } = this.#world;
    await redisReady();
    for (let state = this.#state; state !== null && state.completedAt === null; state = this.#state) {
      await connection().onEachMaster((master) => this.#walk(master));
      const place = await observePlace(connection());
      await this.#keep(walked(this.#state ?? state, place, timestamp()));
      if (this.#state?.completedAt !== null) break;
      log.info({ masters: place.masters.length }, 'keys have moved meanwhile: all are walked again');
      if (place.unsettled) await this.#pause(UNSETTLED_PAUSE);
    }
    log.info({ ...this.report() }, 'catch-up completed');
  }

  async #walk(master: MasterConnection): Promise<void> {
    const { config, connection, store } = this.#world;
    const { keyPrefix } = config.redis;
    const runId = await runIdOf(master);
    for (let cursor = this.#cursor(runId); cursor !== null; cursor = this.#cursor(runId)) {
      await this.#scans.take(1, this.#stop.signal);
      this.#abandonIfStopped();
      const { next, keys } = await scanPage(master, keyPrefix, cursor, Math.max(10, this.#chunk));
      const orderIds = keys.map((key) => key.slice(keyPrefix.length)).filter(isCacheable);
      const compared = await this.#compare(orderIds);
      if (this.#state === null) return;
      this.#state = advanced(this.#state, runId, next, compared);
      if (orderIds.length > 0 || next === '0') await store.write(connection(), this.#state);
      this.#progressAt = performance.now();
    }
  }

  async #compare(orderIds: readonly string[]): Promise<Compared> {
    const sum = { orders: 0, updated: 0, dropped: 0 };
    for (let start = 0; start < orderIds.length; start += this.#chunk) {
      const chunk = orderIds.slice(start, start + this.#chunk);
      await this.#orders.take(chunk.length, this.#stop.signal);
      this.#abandonIfStopped();
      const compared = await compareOrders(chunk, this.#world.comparedWith());
      this.#world.compared(compared);
      this.#progressAt = performance.now();
      sum.orders += compared.orders;
      sum.updated += compared.updated;
      sum.dropped += compared.dropped;
    }
    return sum;
  }

  #cursor(runId: string): string | null {
    return this.#state === null ? null : cursorOf(this.#state, runId);
  }

  async #keep(state: CatchUpState): Promise<void> {
    const { store, connection } = this.#world;
    await store.write(connection(), state);
    this.#state = state;
  }

  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    this.#abandonIfStopped();
  }

  #abandonIfStopped(): void {
    if (this.#stop.signal.aborted) throw new Abandoned('stopped during a catch-up');
  }
}

function timestamp(): string {
  return new Date().toISOString();
}
