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

type Progress = 'Outstanding' | 'Done' | 'KeptBack';

export class Acknowledgements {
  /**
   * What is not acknowledged, in the order of tags; nothing else, so that it stays as small as the prefetch count
   * however long a delivery is kept back.
   */
  readonly #progress = new Map<number, Progress>();

  /** The broker counts tags up by one from 1. */
  delivered(tag: number): void {
    this.#progress.set(tag, 'Outstanding');
  }

  /** The effect of this delivery has happened. */
  done(tag: number): void {
    if (this.#progress.has(tag)) this.#progress.set(tag, 'Done');
  }

  /** This delivery may take long: those after it need not wait. */
  keepBack(tag: number): void {
    if (this.#progress.get(tag) === 'Outstanding') this.#progress.set(tag, 'KeptBack');
  }

  get outstanding(): number {
    return this.#progress.size;
  }

  /**
   * What to send now, in this order; each is handed out once. The broker closes the channel over a tag that it does
   * not know, so none is a tag that was acknowledged before.
   */
  take(): Acknowledgement[] {
    let prefix: number | undefined;
    for (const [tag, progress] of this.#progress) {
      if (progress !== 'Done') {
        const acknowledgements = upTo(prefix);
        return progress === 'KeptBack' ? acknowledgements.concat(this.#ahead()) : acknowledgements;
      }
      prefix = tag;
      this.#progress.delete(tag);
    }
    return upTo(prefix);
  }

  #ahead(): Acknowledgement[] {
    const done = [...this.#progress].filter(([, progress]) => progress === 'Done').map(([tag]) => tag);
    for (const tag of done) this.#progress.delete(tag);
    return done.map((tag) => ({ tag, multiple: false }));
  }
}

function upTo(tag: number | undefined): Acknowledgement[] {
  return tag === undefined ? [] : [{ tag, multiple: true }];
}
