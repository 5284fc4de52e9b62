export interface CircuitBreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try again, in milliseconds. */
  readonly openMs: number;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
}

/**
 * Spares callers the wait for a Redis that is away: after some failures in a row calls are skipped, and from time to
 * time one is let through to find out whether it is back.
 */
export class CircuitBreaker {
  readonly #settings: CircuitBreakerSettings;
  #failures = 0;
  #openUntil = 0;
  #probing = false;

  constructor(settings: CircuitBreakerSettings) {
    this.#settings = settings;
  }

  get isOpen(): boolean {
    return this.#failures >= this.#settings.failures;
  }

  /** Each call that is allowed must end in `succeeded` or `failed`. */
  allows(): boolean {
    if (!this.isOpen) return true;
    if (this.#probing || this.#settings.now() < this.#openUntil) return false;
    this.#probing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  failed(): void {
    this.#failures += 1;
    this.#probing = false;
    if (this.isOpen) this.#openUntil = this.#settings.now() + this.#settings.openMs;
  }
}
