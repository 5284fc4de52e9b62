import asciichart from 'asciichart';

interface Sample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly value: number;
}

/** Values over time, and a plot of them in the terminal. */
export class Timeline {
  readonly #samples: Sample[] = [];

  add(at: number, value: number): void {
    this.#samples.push({ at, value });
  }

  get highest(): number {
    return this.#samples.reduce((highest, { value }) => Math.max(highest, value), 0);
  }

  /** The values in order, without repetitions: 1, 2, 4, 1. */
  get steps(): number[] {
    const values = this.#samples.map(({ value }) => value);
    return values.filter((value, i) => value !== values[i - 1]);
  }

  /** The highest value of each column. The axis counts in whole steps, so that no label is there twice. */
  plot(title: string, from: number, to: number, columns = 72, lines = 6): string {
    const width = Math.max(1, (to - from) / columns);
    const cells: number[] = [];
    let last = 0;
    for (let column = 0; column < columns; column += 1) {
      const start = from + column * width;
      const within = this.#samples.filter(({ at }) => at >= start && at < start + width);
      if (within.length > 0) last = Math.max(...within.map(({ value }) => value));
      cells.push(last);
    }
    const format = (value: number) => String(Math.round(value)).padStart(7);
    const step = Math.max(1, Math.ceil(Math.max(...cells) / lines));
    const height = Math.max(1, Math.ceil(Math.max(...cells) / step));
    const seconds = Math.round((to - from) / 1000);
    return `  ${title}, over ${seconds} s\n${asciichart.plot(cells, { height, min: 0, max: height * step, format })}`;
  }
}
