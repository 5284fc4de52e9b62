/** How one worker is configured: workers of several kinds run at once while a policy is changed. */
export interface WorkerMode {
  readonly strategy: 'WriteThrough' | 'ReadThrough';
  /** `Worker`: the worker writes the row, by the event's version or by its timestamp. None: ReadThrough only. */
  readonly database: 'none' | 'Initiator' | 'Worker';
  readonly guard: 'version' | 'timestamp';
  /** The version column: 1 or 2; 0 without a database. */
  readonly source: number;
}

/** What an initiator does, once. */
export interface Transaction {
  /** `tell`: writes no row, only publishes, for `writer: Worker`. */
  readonly does: 'update' | 'insert' | 'delete' | 'tell';
  readonly status: string;
  /**
   * Of the row that is written: one more than that of the row before, a number that was fixed when the transaction
   * began (`now()`, a stamp), or none.
   */
  readonly version: 'counter' | number;
  /** The same in the column of source 2. */
  readonly other?: number;
  /** Events without it say nothing of the version. Default: true. */
  readonly versioned?: boolean;
  readonly publish: 'before' | 'after' | 'either';
  readonly mayRollBack?: boolean;
  /** Begins only when that one is over. */
  readonly follows?: number;
}

/** What may happen, each any number of times. */
export interface Faults {
  /** A key runs out or is evicted, whatever it holds. */
  readonly expiry?: boolean;
  /** A worker is killed; its messages are delivered again. */
  readonly crash?: boolean;
  /** A worker's channel is closed: its messages are delivered again while it still works on them. */
  readonly cut?: boolean;
  /** A message is delivered twice. */
  readonly duplicates?: boolean;
  /** Redis or the database fails in the middle: what the step did may stand, and all is done again from `apply`. */
  readonly outage?: boolean;
  /** A command runs twice in Redis, for a client that had no reply. */
  readonly resent?: boolean;
  /** Redis fails over to a replica that lags behind. */
  readonly failover?: boolean;
  /** A published event is lost in the broker. */
  readonly lostEvents?: boolean;
  /** Any script may find no memory. */
  readonly oom?: boolean;
  /** The TTL table comes and goes, for each process at another time. */
  readonly tableFlaps?: boolean;
  /** A reader dies with its lease, or its read fails. */
  readonly readerFails?: boolean;
}

export interface Scenario {
  readonly name: string;
  /** What happens in it, in one sentence. */
  readonly about: string;
  readonly transactions: readonly Transaction[];
  /** The row at the beginning; null: none. */
  readonly row: { readonly status: string; readonly version: number; readonly other?: number } | null;
  /** Whether the cache holds it. */
  readonly cached: boolean;
  readonly workers: readonly WorkerMode[];
  /** Which version column each reader reads. */
  readonly readers: readonly number[];
  /** Sources by which the TTL table may call a reader's version. Default: the column that it reads. */
  readonly labels?: readonly number[];
  /** `ttl.absentSeconds` is not 0. */
  readonly negativeEntries?: boolean;
  readonly faults: Faults;
  /** The most messages in one batch. Default: 1. */
  readonly batch?: number;
  /** Delivery, retry and acknowledgement as steps of their own. */
  readonly stepwise?: boolean;
  /** Rows of the database are what the greatest event says when all is quiet. */
  readonly greatestWins?: boolean;
  /** Version or stamp of the event that comes after all these: it must have its effect, or the order is frozen. */
  readonly next?: number;
  /** A stamp higher than this is ahead of the workers' clock by more than `maxClockSkewSeconds`. */
  readonly latestStamp?: number;
  /** It ends in a violation of this invariant, as the documentation says. */
  readonly limit?: string;
}
