/**
 * What the database committed, in its order, and what that says about each hit. Times are milliseconds since 1970, all
 * of one machine. Pure.
 */
export interface Commit {
  /** Changes are numbered so that those of one order count up in the order of their commits. */
  readonly change: number;
  /** The order was deleted. */
  readonly deleted: boolean;
  /** When the initiator knew that it was committed: readers may have seen it before, and must not miss it for long after. */
  readonly committedAt: number;
}

export interface Hit {
  readonly order: number;
  /** The change that the record's status names. */
  readonly change: number;
  readonly startedAt: number;
}

export type Verdict =
  /** The row was such when the read began, or later. */
  | { readonly kind: 'Fresh' }
  | {
      readonly kind: 'Stale';
      /** Since the next change was committed. */
      readonly age: number;
      /** Since the event of the next change was finished by a worker; negative: it was still on its way. */
      readonly beyondEvent: number;
    }
  /** No committed row of this order ever was such. */
  | { readonly kind: 'NeverCommitted' };

export class History {
  readonly #commits = new Map<number, Commit[]>();
  readonly #effects = new Map<number, number>();

  committed(order: number, commit: Commit): void {
    const commits = this.#commits.get(order);
    if (commits === undefined) this.#commits.set(order, [commit]);
    else {
      // Those of one order are known in nearly their order.
      let at = commits.length;
      while (at > 0 && (commits[at - 1]?.change ?? 0) > commit.change) at -= 1;
      commits.splice(at, 0, commit);
    }
  }

  /** A worker has finished the event of this change; the first time counts. */
  finished(change: number, at: number): void {
    const before = this.#effects.get(change);
    if (before === undefined || at < before) this.#effects.set(change, at);
  }

  /** Changes whose event was published and that no worker has finished. */
  unfinished(published: Iterable<number>): number[] {
    return [...published].filter((change) => !this.#effects.has(change));
  }

  get changes(): number {
    let changes = 0;
    for (const commits of this.#commits.values()) changes += commits.length;
    return changes;
  }

  verdict({ order, change, startedAt }: Hit): Verdict {
    const commits = this.#commits.get(order) ?? [];
    const index = position(commits, change);
    if (index === undefined || commits[index]?.deleted) return { kind: 'NeverCommitted' };
    const next = commits[index + 1];
    if (next === undefined || next.committedAt >= startedAt) return { kind: 'Fresh' };
    // What is never finished counts from the commit: it should have been.
    const finishedAt = this.#effects.get(next.change) ?? next.committedAt;
    return { kind: 'Stale', age: startedAt - next.committedAt, beyondEvent: startedAt - finishedAt };
  }
}

function position(commits: readonly Commit[], change: number): number | undefined {
  let [low, high] = [0, commits.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = commits[middle]?.change ?? 0;
    if (found === change) return middle;
    if (found < change) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
