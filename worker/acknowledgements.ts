/**
 * Which deliveries of one channel may be acknowledged. Pure; one instance per channel, since tags start at 1 on each.
 *
 * An acknowledgement with `multiple` covers every earlier tag of its channel. So it goes only to the last tag of the
 * contiguous prefix whose effect is done, however out of order the effects are. A delivery that is kept back for long
 * (its dead letter is refused) would hold up all that follow: those are acknowledged one by one then.
 */
export interface Acknowledgement {
  readonly tag: number;
  readonly multiple: boolean;
}

type Progress = 'Done' | 'KeptBack' | 'Acknowledged';

export class Acknowledgements {
  /** Every tag up to this one is acknowledged. */
  #prefix = 0;
  #delivered = 0;
  #acknowledgedAhead = 0;
  /** Tags above the prefix that are not just outstanding. */
  readonly #progress = new Map<number, Progress>();

  /** The broker counts tags up by one from 1. */
  delivered(tag: number): void {
    this.#delivered = tag;
  }

  /** The effect of this delivery has happened. */
  done(tag: number): void {
    if (tag > this.#prefix && this.#progress.get(tag) !== 'Acknowledged') this.#progress.set(tag, 'Done');
  }

  /** This delivery may take long: those after it need not wait. */
  keepBack(tag: number): void {
    if (tag > this.#prefix && !this.#progress.has(tag)) this.#progress.set(tag, 'KeptBack');
  }

  get outstanding(): number {
    return this.#delivered - this.#prefix - this.#acknowledgedAhead;
  }

  /** What to send now, in this order; each is handed out once. */
  take(): Acknowledgement[] {
    const prefix = this.#advance();
    const acknowledgements = prefix === undefined ? [] : [{ tag: prefix, multiple: true }];
    if (this.#progress.get(this.#prefix + 1) !== 'KeptBack') return acknowledgements;
    return acknowledgements.concat(this.#ahead());
  }

  /** The broker closes the channel over a tag that it does not know: the last tag must not be acknowledged already. */
  #advance(): number | undefined {
    let last: number | undefined;
    for (;;) {
      const tag = this.#prefix + 1;
      const progress = this.#progress.get(tag);
      if (progress === 'Done') last = tag;
      else if (progress === 'Acknowledged') this.#acknowledgedAhead--;
      else return last;
      this.#progress.delete(tag);
      this.#prefix = tag;
    }
  }

  #ahead(): Acknowledgement[] {
    const done = [...this.#progress].filter(([, progress]) => progress === 'Done').map(([tag]) => tag);
    for (const tag of done) this.#progress.set(tag, 'Acknowledged');
    this.#acknowledgedAhead += done.length;
    return done.map((tag) => ({ tag, multiple: false }));
  }
}
