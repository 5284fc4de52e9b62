import type { Faults, Scenario, Transaction, WorkerMode } from './scenario.ts';
import { NONE } from './state.ts';

const writeThrough: WorkerMode = {
  strategy: 'WriteThrough',
  database: 'Initiator',
  guard: 'version',
  source: 1,
};
const readThrough: WorkerMode = { ...writeThrough, strategy: 'ReadThrough' };
const withoutDatabase: WorkerMode = { ...readThrough, database: 'none', source: 0 };
const writing: WorkerMode = { ...writeThrough, database: 'Worker' };
const writingByStamp: WorkerMode = { ...writing, guard: 'timestamp' };

const update = (status: string, more: Partial<Transaction> = {}): Transaction => ({
  does: 'update',
  status,
  version: 'counter',
  publish: 'after',
  ...more,
});
const tell = (status: string, version: number): Transaction => ({
  does: 'tell',
  status,
  version,
  publish: 'after',
});
const plain = { versioned: false } as const;
const early = { publish: 'before' } as const;
const either = { publish: 'either' } as const;

const row = { status: 'A', version: 5 };
const expiry: Faults = { expiry: true };
const base = { row, cached: true, workers: [writeThrough], readers: [1], faults: expiry } as const;

/** The scenarios, each with every interleaving of what is in it. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...base,
    name: 'two changes, two workers',
    about: 'WriteThrough; two initiators publish before or after commit, and may roll back; one reader',
    transactions: [update('B', { ...either, mayRollBack: true }), update('C', either)],
    workers: [writeThrough, writeThrough],
  },
  {
    ...base,
    name: 'two readers',
    about: 'WriteThrough; two readers miss at once, and either may die with its lease',
    transactions: [update('B', either), update('C')],
    readers: [1, 1],
    faults: { expiry: true, readerFails: true },
  },
  {
    ...base,
    name: 'events without versions',
    about: 'WriteThrough; two changes whose events have no version and are published after commit',
    transactions: [update('B', plain), update('C', plain)],
    workers: [writeThrough, writeThrough],
    readers: [1, 1],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'rows without versions',
    about: 'neither rows nor events have a version, and a status comes back: the same text, another row',
    row: { status: 'A', version: NONE },
    transactions: [
      update('B', { version: NONE }),
      update('A', { version: NONE, follows: 0 }),
      update('B', { version: NONE, follows: 1 }),
    ],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'duplicates and disorder',
    about: 'WriteThrough; three changes, their events twice and in any order',
    transactions: [update('B'), update('C', { follows: 0 }), update('D', { ...early, follows: 1 })],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'versions of now()',
    about: 'versions are taken at the beginning of the transactions, and fall in the order of commits',
    transactions: [update('B', { version: 8, ...either }), update('C', { version: 7 })],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'deleted and created again',
    about: 'the order is deleted and created again with a low version; old events come late',
    transactions: [
      update('B'),
      { does: 'delete', status: 'X', version: 'counter', publish: 'either', follows: 0 },
      { does: 'insert', status: 'N', version: 1, publish: 'either', follows: 1 },
    ],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true },
  },
  {
    ...base,
    name: 'negative entries',
    about:
      'readers remember that there is no row; the order is created, changed, deleted; events after commit',
    row: null,
    cached: false,
    transactions: [
      { does: 'insert', status: 'N', version: 1, publish: 'after' },
      update('B', { follows: 0, ...either }),
      { does: 'delete', status: 'X', version: 'counter', publish: 'after', follows: 1 },
    ],
    readers: [1, 1],
    negativeEntries: true,
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'created, told of before commit',
    about: 'a new order is told of before its row is visible, while readers remember that there is none',
    row: null,
    cached: false,
    transactions: [{ does: 'insert', status: 'N', version: 1, publish: 'before', mayRollBack: true }],
    readers: [1, 1],
    workers: [writeThrough, writeThrough],
    negativeEntries: true,
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'ReadThrough',
    about: 'ReadThrough with database; versioned events before or after commit, rollback, duplicates',
    transactions: [update('B', { ...either, mayRollBack: true }), update('C', either)],
    workers: [readThrough, readThrough],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'ReadThrough without database',
    about: 'ReadThrough; the worker only drops, so events come after commit; deletion and re-creation too',
    transactions: [
      update('B'),
      { does: 'delete', status: 'X', version: 'counter', publish: 'after', follows: 0 },
      { does: 'insert', status: 'N', version: 1, publish: 'after', follows: 1 },
    ],
    workers: [withoutDatabase, withoutDatabase],
    readers: [1, 1],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'strategy is switched',
    about: 'workers of both strategies run at once; the events are published before or after commit',
    transactions: [update('B', either), update('C', either)],
    workers: [writeThrough, readThrough],
    readers: [1],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'database is taken away',
    about: 'WriteThrough workers and ReadThrough workers without a database at once; events after commit',
    transactions: [update('B'), update('C', plain)],
    workers: [writeThrough, withoutDatabase],
    readers: [1, 1],
    faults: { expiry: true, duplicates: true },
  },
  {
    ...base,
    name: 'version source is changed',
    about: 'workers and readers of two version columns at once; the TTL table names either for both readers',
    row: { status: 'A', version: 5, other: 7 },
    transactions: [update('B', { version: 7, other: 5 }), update('C', { version: 5, other: 7 })],
    workers: [writeThrough, { ...readThrough, source: 2 }],
    readers: [1, 2],
    labels: [1, 2],
    faults: expiry,
  },
  {
    ...base,
    name: 'TTL table comes and goes',
    about: 'the policy is deleted and applied again, which each process sees at another time',
    transactions: [update('B', either), update('C', { versioned: false })],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, tableFlaps: true },
  },
  {
    ...base,
    name: 'Redis without memory',
    about: 'any script may find no memory',
    transactions: [update('B', either), update('C')],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, oom: true },
  },
  {
    ...base,
    name: 'outage in the middle',
    about: 'Redis or the database fails at any step, whose work may stand, may be done twice, or not at all',
    transactions: [update('B', either), update('C', plain)],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, outage: true, resent: true },
  },
  {
    ...base,
    name: 'crash and lost channel',
    about: 'workers are killed, or go on with messages that the broker has given to another',
    transactions: [update('B', either), update('C', plain)],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, crash: true, cut: true },
  },
  {
    ...base,
    name: 'batches',
    about: 'two messages at a time, acknowledged together and in order; retries, crash, lost channel',
    transactions: [update('B', { ...early, mayRollBack: true }), update('C', plain)],
    faults: { expiry: true, crash: true, cut: true },
    batch: 2,
    stepwise: true,
  },
  {
    ...base,
    name: 'two workers with batches',
    about: 'two workers, two messages at a time, retried and acknowledged in order',
    transactions: [update('B', { ...early, mayRollBack: true }), update('C', plain)],
    workers: [writeThrough, writeThrough],
    faults: expiry,
    batch: 2,
    stepwise: true,
  },
  {
    ...base,
    name: 'failover',
    about: 'Redis fails over to a replica that lags, again and again; catch-up follows, and may be killed',
    transactions: [update('B'), update('C', either)],
    faults: { expiry: true, failover: true, crash: true },
  },
  {
    ...base,
    name: 'failover, ReadThrough',
    about: 'the same where catch-up drops what differs from its row',
    transactions: [update('B'), update('C', either)],
    workers: [readThrough],
    faults: { expiry: true, failover: true },
  },
  {
    ...base,
    name: 'failover, ReadThrough without database',
    about: 'the same where catch-up can only drop',
    transactions: [update('B'), update('C')],
    workers: [withoutDatabase],
    faults: { expiry: true, failover: true, crash: true },
  },
  {
    ...base,
    name: 'lost events',
    about: 'the broker loses events that were published after commit; catch-up follows',
    transactions: [update('B'), update('C', plain)],
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, lostEvents: true },
  },
  {
    ...base,
    name: 'writer Worker by version',
    about: 'workers write the row; three events in any order, one or two at a time',
    transactions: [tell('B', 6), tell('C', 7), tell('D', 8)],
    workers: [writing, writing],
    faults: expiry,
    batch: 2,
    greatestWins: true,
    next: 9,
  },
  {
    ...base,
    name: 'writer Worker by timestamp',
    about: 'clocks apart: stamps in any order, two of them equal, one a year ahead',
    transactions: [tell('B', 7), tell('C', 7), tell('E', 99)],
    workers: [writingByStamp, writingByStamp],
    faults: { expiry: true, duplicates: true },
    greatestWins: true,
    latestStamp: 8,
    next: 9,
  },
  {
    ...base,
    name: 'writer is switched',
    about: 'a worker that writes and one that reads, while an initiator still writes its rows; crash',
    transactions: [update('B', either), update('C', { ...either, mayRollBack: true })],
    workers: [writing, writeThrough],
    faults: { expiry: true, crash: true, cut: true },
  },
  {
    ...base,
    name: 'writer Worker, order created and deleted',
    about: 'the order that an event is for comes and goes: the event alone never creates it',
    row: null,
    cached: false,
    transactions: [
      { does: 'insert', status: 'N', version: 1, publish: 'after' },
      tell('B', 2),
      { does: 'delete', status: 'X', version: 3, publish: 'after', follows: 0 },
    ],
    workers: [writing, { ...writing, strategy: 'ReadThrough' }],
    faults: expiry,
  },
];

/** What the protocol does not promise, each shown to be so: `limit` is what happens. */
export const LIMITS: readonly Scenario[] = [
  {
    ...base,
    name: 'without a version, told of before commit',
    about: 'such an event is applied when its row is not visible yet, and nothing says so',
    transactions: [update('B', { ...plain, ...early })],
    limit: 'C1',
  },
  {
    ...base,
    name: 'versions of now(), told of before commit',
    about: 'a row with a higher version is taken for the awaited one',
    transactions: [update('B', { version: 8 }), update('C', { version: 7, ...early })],
    limit: 'C1',
  },
  {
    ...base,
    name: 'writer Worker, versions restart low',
    about: 'a late event of the deleted order writes the row of the one that was created again',
    transactions: [
      tell('B', 6),
      { does: 'delete', status: 'X', version: 7, publish: 'after' },
      { does: 'insert', status: 'N', version: 1, publish: 'after', follows: 1 },
    ],
    workers: [writing],
    next: 2,
    limit: 'frozen',
  },
  {
    ...base,
    name: 'initiators stop writing before all workers do',
    about: 'a worker of the old kind waits in vain for the row, and ends the event as unseen',
    transactions: [tell('B', 6)],
    workers: [writing, writeThrough],
    greatestWins: true,
    limit: 'W9',
  },
];

/** The same with more at once, for `make model`. */
export const LARGE: readonly Scenario[] = [
  {
    ...scenarioNamed('two workers with batches'),
    name: 'large: two workers with batches',
    faults: { expiry: true, crash: true },
  },
  {
    ...scenarioNamed('two changes, two workers'),
    name: 'large: three changes',
    transactions: [update('B', { ...either, mayRollBack: true }), update('C', either), update('D', plain)],
  },
  {
    ...scenarioNamed('writer Worker by version'),
    name: 'large: writer Worker by version',
    faults: { expiry: true, duplicates: true },
  },
  {
    ...scenarioNamed('writer Worker by timestamp'),
    name: 'large: writer Worker by timestamp',
    transactions: [tell('B', 7), tell('C', 7), tell('D', 6), tell('E', 99)],
  },
  {
    ...scenarioNamed('writer Worker, order created and deleted'),
    name: 'large: writer Worker, order created and deleted',
    faults: { expiry: true, duplicates: true, crash: true },
  },
  {
    ...scenarioNamed('failover'),
    name: 'large: failover, two workers',
    workers: [writeThrough, writeThrough],
    faults: { expiry: true, failover: true },
  },
  {
    ...scenarioNamed('crash and lost channel'),
    name: 'large: every fault of workers and broker',
    transactions: [update('B', { ...either, mayRollBack: true }), update('C', plain)],
    faults: { expiry: true, crash: true, cut: true, duplicates: true, outage: true, resent: true },
  },
  {
    ...scenarioNamed('strategy is switched'),
    name: 'large: strategy is switched, TTL table flaps, no memory',
    faults: { expiry: true, duplicates: true, tableFlaps: true, oom: true },
  },
];

export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined) throw new RangeError(`no scenario is named ${name}`);
  return scenario;
}
