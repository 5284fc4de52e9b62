/** A piece of work; it calls `begin` right before it looks at what may change. */
export type Work<T> = (begin: () => void) => Promise<T>;

interface Flight<T> {
  readonly result: Promise<T>;
  begun: boolean;
  /** For those who came too late: they share the next one. */
  next: Promise<T> | undefined;
}

/**
 * Callers that want the same key at the same time share one piece of work and its result or error. Whoever comes after
 * the work has begun shares the next one, which starts when this one has succeeded: nobody gets an answer that was true
 * only before the question. So at most one is under way for a key, and one waits.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  share(key: string, work: Work<T>): Promise<T> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#start(key, work);
    if (!flight.begun) return flight.result;
    flight.next ??= flight.result.then(() => this.share(key, work));
    return flight.next;
  }

  #start(key: string, work: Work<T>): Promise<T> {
    let begun = false;
    const result = work(() => {
      begun = true;
      const flight = this.#flights.get(key);
      if (flight !== undefined) flight.begun = true;
    }).finally(() => this.#flights.delete(key));
    this.#flights.set(key, { result, begun, next: undefined });
    return result;
  }
}
