import { Doorbell } from './doorbell.ts';
import { reconnecting } from './reconnecting.ts';
import { type BatchResult, publishBatch } from './relay-batch.ts';
import { RelayBroker } from './relay-broker.ts';
import { type OutboxRelayOptions, type RelaySettings, relaySettings } from './relay-options.ts';
import { RelayRetries } from './relay-retries.ts';
import { byOrder, type OutboxRow } from './relay-rows.ts';
import { type Measure, type Postponed, RelaySession } from './relay-session.ts';
import { retryDelay } from './retry-delay.ts';

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

class Relay implements OutboxRelay {
  readonly #settings: RelaySettings;
  readonly #broker: RelayBroker;
  readonly #doorbell = new Doorbell();
  readonly #closing = new AbortController();
  readonly #ended: Promise<void>;
  readonly #retries: RelayRetries;
  #database: RelaySession | undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #measure: Measure = { pending: 0, failing: 0, oldestAgeSeconds: null };
  #published = 0;
  #failures = 0;
  #closed: Promise<void> | undefined;

  constructor(settings: RelaySettings) {
    this.#settings = settings;
    this.#broker = new RelayBroker(settings, () => this.#doorbell.ring());
    this.#retries = new RelayRetries(settings.retry);
    this.#ended = reconnecting(
      (works) => this.#session(works),
      (error) => settings.onTrouble(error instanceof Error ? error : new Error('the database failed')),
      this.#closing.signal,
    );
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
      const rows = await session.claim(this.#settings.batchOrders, this.#retries.refused(performance.now()));
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
    const holds = this.#retries.avoidRefusing(result, performance.now(), Math.random);
    const postponed = this.#postponed(result);
    await session.finish(
      result.confirmed.map(({ id }) => id),
      postponed,
    );
    this.#published += result.confirmed.length;
    const delays = [...holds, ...postponed.map(({ delayMilliseconds }) => delayMilliseconds)];
    this.#retries.comeBackIn(delays, performance.now());
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

  /** Also tells a connection that is dead and does not say so. */
  async #look(session: RelaySession): Promise<void> {
    const now = performance.now();
    if (now - this.#measuredAt < this.#settings.pollMilliseconds) return;
    this.#measure = await session.measure();
    this.#measuredAt = now;
  }

  async #rest(): Promise<void> {
    const { pollMilliseconds } = this.#settings;
    await this.#doorbell.wait(Math.min(pollMilliseconds, this.#retries.dueIn(performance.now())));
    this.#retries.lookedAt(performance.now());
  }
}
