import fc from 'fast-check';
import type { Row, VersionedRow } from '../../cache/record.ts';

/** The orders of one sequence. */
export const ORDERS = ['a', 'b', 'c', 'd', 'e', 'f'] as const;

/** Columns that versions come from; null: a policy without a database. */
export const SOURCES = ['orders.version', 'orders.changed_at', null] as const;

/**
 * What an event or a row says: something, nothing, just what the record says when it is compared, or the record's version
 * with another status.
 */
export type Says = Row | null | 'the same' | 'the same version';

export interface Said {
  readonly order: string;
  readonly says: Says;
}

/**
 * One call of the protocol, or something that happens to Redis. `earlier` says which of the tokens given so far is
 * presented, of leases those of the order: the last, the one before, ..., or else one that was given to somebody else.
 */
export type Command =
  | { readonly do: 'lease'; readonly order: string; readonly runsOut: boolean }
  | { readonly do: 'look'; readonly orders: readonly string[] }
  | { readonly do: 'fill'; readonly order: string; readonly earlier: number; readonly row: Row }
  /** A reader that nobody comes between: lease and fill. */
  | { readonly do: 'read'; readonly order: string; readonly row: Row }
  | { readonly do: 'fillAbsent'; readonly order: string; readonly earlier: number }
  | { readonly do: 'release'; readonly order: string; readonly earlier: number }
  | { readonly do: 'mark'; readonly orders: readonly string[] }
  | { readonly do: 'drop'; readonly orders: readonly Said[] }
  | {
      readonly do: 'settle';
      readonly orders: readonly Said[];
      readonly earlier: number;
      readonly mayWrite: boolean;
    }
  | { readonly do: 'expire' | 'evict' | 'replaceByForeign'; readonly order: string }
  | { readonly do: 'memory'; readonly available: boolean };

/** A command, and which of the policy's version columns it belongs to. */
export type Step = Command & { readonly source: (typeof SOURCES)[number] };

const order = fc.constantFrom(...ORDERS);
/** Few, so that they meet; some that a double takes for equal; and some of any length. */
const version = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '2', '9007199254740992', '9007199254740993') },
  { weight: 1, arbitrary: fc.constantFrom(`1${'0'.repeat(63)}`, `1${'0'.repeat(62)}1`, '1790000000123456') },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 10n ** 64n - 1n }).map(String) },
);
const status = fc.constantFrom('NEW', 'DELIVERED', 'à réviser');
const versioned: fc.Arbitrary<VersionedRow> = fc.record({ status, version });
const row: fc.Arbitrary<Row> = fc.oneof(
  { weight: 4, arbitrary: versioned },
  { weight: 1, arbitrary: fc.record({ status, version: fc.constant(null) }) },
);
const says: fc.Arbitrary<Says> = fc.oneof(
  { weight: 4, arbitrary: row },
  { weight: 1, arbitrary: fc.constant(null) },
  { weight: 2, arbitrary: fc.constantFrom('the same' as const, 'the same version' as const) },
);
const earlier = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) });
const some = <T>(each: fc.Arbitrary<T>, name: (one: T) => string, maxLength: number = ORDERS.length) =>
  fc.uniqueArray(each, { minLength: 1, maxLength, size: 'max', selector: name });
const done = <const T extends string>(name: T) => fc.constant(name);
const byName = ({ order: name }: { order: string }) => name;

const settling = fc.record({
  do: done('settle'),
  orders: some(fc.record({ order, says }), byName),
  earlier,
  mayWrite: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
});

/** So often that many a record is there, is marked, and is settled before something else happens to it. */
const changes = [
  fc.record({ do: done('lease'), order, runsOut: fc.integer({ min: 0, max: 19 }).map((n) => n === 0) }),
  fc.record({ do: done('lease'), order, runsOut: fc.constant(false) }),
  fc.record({ do: done('look'), orders: some(order, (name) => name) }),
  fc.record({ do: done('fill'), order, earlier, row }),
  fc.record({ do: done('read'), order, row }),
  fc.record({ do: done('read'), order, row }),
  fc.record({ do: done('fillAbsent'), order, earlier }),
  fc.record({ do: done('release'), order, earlier }),
  fc.record({ do: done('mark'), orders: some(order, (name) => name) }),
  fc.record({ do: done('mark'), orders: some(order, (name) => name) }),
  fc.record({ do: done('drop'), orders: some(fc.record({ order, says }), byName, 2) }),
  fc.record({ do: done('drop'), orders: some(fc.record({ order, says }), byName, 2) }),
  settling,
  settling,
  settling,
  fc.record({ do: fc.constantFrom('expire' as const, 'evict' as const), order }),
] as const;
const foreign = fc.record({ do: done('replaceByForeign'), order });
const memory = fc.record({ do: done('memory'), available: fc.boolean() });

const source = fc.oneof(
  { weight: 4, arbitrary: fc.constant(SOURCES[0]) },
  { weight: 1, arbitrary: fc.constantFrom(SOURCES[1], SOURCES[2]) },
);
const inSource = (command: fc.Arbitrary<Command>): fc.Arbitrary<Step> =>
  fc.tuple(command, source).map(([what, of]) => ({ ...what, source: of }));

/** `withMemory`: Redis runs out of memory now and then, which everybody on that Redis notices. */
export function steps(withMemory: boolean): fc.Arbitrary<Step>[] {
  const rare = fc.oneof({ weight: 9, arbitrary: fc.oneof(...changes) }, { weight: 1, arbitrary: foreign });
  const all: fc.Arbitrary<Command>[] = [...changes, ...changes, rare];
  return (withMemory ? [...all, memory, memory, memory] : all).map(inSource);
}
