/** Callers that want the same key at the same time share one piece of work and its result or error. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Promise<T>>();

  share(key: string, work: () => Promise<T>): Promise<T> {
    const flying = this.#flights.get(key);
    if (flying !== undefined) return flying;
    const flight = work().finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }
}
