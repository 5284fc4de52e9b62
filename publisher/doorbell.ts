/** Wakes one that waits; who was rung while nobody waited does not wait next time. */
export class Doorbell {
  #rung = false;
  #answer: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#answer?.();
  }

  /** Until it is rung, or so many milliseconds. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, milliseconds));
        this.#answer = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#answer = undefined;
    this.#rung = false;
  }
}
