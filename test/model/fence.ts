/**
 * What keeps the protocol right, each as a switch: the model can be explored without one of them, and must then find
 * a violation. The first fourteen are the protocol's own; the others are smaller parts of them.
 */
export const FENCES = [
  'lease check in fill',
  'void',
  'ticket',
  'drop on refusal',
  'settle of the absent',
  'wait for the row',
  'guarded SQL',
  'late joiners',
  'tie',
  'skew',
  'ack before effect',
  'contiguous prefix',
  'channel identity',
  'catch-up after failover',
  /** `fill` takes another reader's lease for its own. */
  'a lease is the reader’s own',
  /** The ticket stays when the row was written. */
  'a ticket is used up',
  /** The worker reads the row before it applies. */
  'row read after apply',
  /** The reader reads the row before it has the lease. */
  'row read after lease',
  /** `settle` keeps a record whose version is higher than the row's. */
  'the row decides',
  /** An event with a version waits for a row that does not exist, where readers may remember that. */
  'wait for the missing row',
] as const;

export type Fence = (typeof FENCES)[number];
export type Fences = ReadonlySet<Fence>;

/** All but one; without an argument all of them. */
export function fences(without?: Fence): Fences {
  return new Set(FENCES.filter((fence) => fence !== without));
}
