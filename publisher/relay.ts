import { setTimeout as sleep } from 'node:timers/promises';
import { Doorbell } from './doorbell.ts';
import { type BatchResult, publishBatch } from './relay-batch.ts';
import { RelayBroker } from './relay-broker.ts';
import { type OutboxRelayOptions, type RelaySettings, relaySettings, retryDelay } from './relay-options.ts';
import { byOrder, type OutboxRow } from './relay-rows.ts';
import { type Measure, type Postponed, RelaySession } from './relay-session.ts';

export interface RelayStatus {
  readonly broker: 'Up' | 'Down';
  readonly database: 'Up' | 'Down';
  /** Confirmed and deleted since the start. */
  readonly published: number;
  /** Attempts that failed since the start. */
  readonly failures: number;
  /** In the outbox when it was last looked at, at every poll; counted up to 100,000. */
  readonly pending: number;
  /** Of those, tried in vain. */
  readonly failing: number;
  /** Of the first event in the outbox; 0 when there is none. */
  readonly oldestAgeSeconds: number;
}

export interface OutboxRelay {
  status(): RelayStatus;
  /** Finishes the batch in hand, which takes three timeouts at most, and disconnects. May be called twice. */
  close(): Promise<void>;
}

/**
 * Publishes what commits write into the outbox, and deletes what the broker has confirmed: every event at least once,
 * those of one order in their order. Any number of relays share the work. Returns at once, connects in the
 * background, and again whenever a connection is lost.
 *
 * A relay that dies between confirmation and deletion leaves the event to another, which publishes it again with the
 * same message id.
 *
 * @throws TypeError that names an option, what was expected and what came
 */
export function createOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  return new Relay(relaySettings(options));
}

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;
/** In milliseconds: the database counts what is postponed by its own clock. */
const CLOCK_ERROR = 5;
/** The poll finds the rest. */
const MOST_DUE = 1_000;

class Relay implements OutboxRelay {
  readonly #settings: RelaySettings;
  readonly #broker: RelayBroker;
  readonly #doorbell = new Doorbell();
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  /** Exchanges that refused everything, and until when they are left alone. */
  readonly #refused = new Map<string, { attempts: number; until: number }>();
  #database: RelaySession | undefined;
  /** When to look again, beside polling: when something postponed may be tried. In ascending order. */
  #due: number[] = [];
  #measuredAt = Number.NEGATIVE_INFINITY;
  #measure: Measure = { pending: 0, failing: 0, oldestAgeSeconds: null };
  #published = 0;
  #failures = 0;
  #closed: Promise<void> | undefined;

  constructor(settings: RelaySettings) {
    this.#settings = settings;
    this.#broker = new RelayBroker(settings, () => this.#doorbell.ring());
    this.#ended = this.#run();
  }

  status(): RelayStatus {
    const { pending, failing, oldestAgeSeconds } = this.#measure;
    return {
      broker: this.#broker.up ? 'Up' : 'Down',
      database: this.#database === undefined ? 'Down' : 'Up',
      published: this.#published,
      failures: this.#failures,
      pending,
      failing,
      oldestAgeSeconds: oldestAgeSeconds ?? 0,
    };
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    this.#doorbell.ring();
    await this.#ended;
    await this.#broker.close();
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt += 1) {
      try {
        await this.#session(() => {
          attempt = 0;
        });
      } catch (error) {
        this.#settings.onTrouble(error instanceof Error ? error : new Error('the database failed'));
      }
      await this.#pause(attempt);
    }
  }

  /** @throws when the connection to the database is lost, or cannot be used */
  async #session(works: () => void): Promise<void> {
    const { database, table, timeoutMilliseconds } = this.#settings;
    const session = await RelaySession.open(database, table, timeoutMilliseconds, () =>
      this.#doorbell.ring(),
    );
    try {
      while (!this.#closing.signal.aborted) {
        await this.#look(session);
        this.#database = session;
        works();
        await this.#drain(session);
        await this.#rest();
        if (session.lost !== undefined) throw session.lost;
      }
    } finally {
      this.#database = undefined;
      session.close();
    }
  }

  async #drain(session: RelaySession): Promise<void> {
    while (this.#broker.ready && !this.#closing.signal.aborted) {
      const rows = await session.claim(this.#settings.batchOrders, this.#refusedExchanges());
      if (rows.length === 0) return;
      await this.#publish(session, rows);
      await this.#look(session);
    }
  }

  async #publish(session: RelaySession, rows: readonly OutboxRow[]): Promise<void> {
    const end = performance.now() + this.#settings.timeoutMilliseconds;
    const oneByOne = this.#broker.suspicion;
    const result = await publishBatch(byOrder(rows), {
      publish: (row) => this.#broker.publish(row),
      oneByOne,
      enough: () => performance.now() > end || this.#closing.signal.aborted,
    });
    if (oneByOne && (result.complete || result.failed.length > 0)) this.#broker.allClear();
    const holds = this.#avoidRefusing(result);
    const postponed = this.#postponed(result);
    await session.finish(
      result.confirmed.map(({ id }) => id),
      postponed,
    );
    this.#published += result.confirmed.length;
    this.#comeBackIn([...holds, ...postponed.map(({ delayMilliseconds }) => delayMilliseconds)]);
  }

  #postponed({ failed }: BatchResult): Postponed[] {
    return failed.map(({ row, reason, detail }) => {
      const attempts = row.attempts + 1;
      this.#failures += 1;
      this.#settings.onFailure({
        orderId: row.orderId,
        messageId: row.messageId,
        reason,
        detail,
        attempts,
      });
      const delayMilliseconds = retryDelay(this.#settings.retry, attempts, Math.random());
      return { id: row.id, error: `${reason}: ${detail}`, delayMilliseconds };
    });
  }

  /** Gives for how long, in milliseconds. */
  #avoidRefusing({ confirmed, refusedExchanges }: BatchResult): number[] {
    for (const { exchange } of confirmed) this.#refused.delete(exchange);
    return [...refusedExchanges].map((exchange) => {
      const attempts = (this.#refused.get(exchange)?.attempts ?? 0) + 1;
      const delay = retryDelay(this.#settings.retry, attempts, Math.random());
      this.#refused.set(exchange, { attempts, until: performance.now() + delay });
      return delay;
    });
  }

  #refusedExchanges(): string[] {
    const now = performance.now();
    return [...this.#refused].filter(([, { until }]) => until > now).map(([exchange]) => exchange);
  }

  #comeBackIn(delays: readonly number[]): void {
    const now = performance.now();
    const due = [...this.#due, ...delays.map((delay) => now + delay + CLOCK_ERROR)];
    this.#due = due.sort((a, b) => a - b).slice(0, MOST_DUE);
  }

  /** Also tells a connection that is dead and does not say so. */
  async #look(session: RelaySession): Promise<void> {
    const now = performance.now();
    if (now - this.#measuredAt < this.#settings.pollMilliseconds) return;
    this.#measure = await session.measure();
    this.#measuredAt = now;
  }

  async #rest(): Promise<void> {
    const { pollMilliseconds } = this.#settings;
    const [next = Number.POSITIVE_INFINITY] = this.#due;
    await this.#doorbell.wait(Math.min(pollMilliseconds, next - performance.now()));
    const now = performance.now();
    this.#due = this.#due.filter((due) => due > now);
  }

  async #pause(attempt: number): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 16));
    const delay = longest * (0.5 + Math.random() / 2);
    await sleep(delay, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}
