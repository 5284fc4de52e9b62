/** Says whether one more line of a kind may be logged: the first few of each period, then none until the next. */
export class LogLimit {
  readonly #perPeriod: number;
  readonly #period: number;
  readonly #kinds = new Map<string, { since: number; lines: number; suppressed: number }>();

  /** @param period in milliseconds */
  constructor(perPeriod = 10, period = 60_000) {
    this.#perPeriod = perPeriod;
    this.#period = period;
  }

  /**
   * How many lines of this kind were left out before this one; undefined when this one is left out too.
   * @param now in milliseconds; a clock that is put back silences nothing for longer than a period
   */
  admit(kind: string, now: number): number | undefined {
    const seen = this.#kinds.get(kind);
    if (seen === undefined || Math.abs(now - seen.since) >= this.#period) {
      this.#kinds.set(kind, { since: now, lines: 1, suppressed: 0 });
      return seen?.suppressed ?? 0;
    }
    if (seen.lines < this.#perPeriod) {
      seen.lines++;
      return 0;
    }
    seen.suppressed++;
    return undefined;
  }
}
