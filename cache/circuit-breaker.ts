export interface CircuitBreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before one call may try again, in milliseconds. */
  readonly openMs: number;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  /** Called when it opens and when it closes. */
  readonly onChange?: (state: 'open' | 'closed') => void;
}

/**
 * Spares callers the wait for something that is away: after some failures in a row calls are skipped, and from time to
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

  /** Whether a call would be skipped now. */
  get isRefusing(): boolean {
    return this.isOpen && (this.#probing || this.#settings.now() < this.#openUntil);
  }

  /** Each call that is allowed must end in `succeeded` or `failed`. */
  allows(): boolean {
    if (this.isRefusing) return false;
    this.#probing = this.isOpen;
    return true;
  }

  succeeded(): void {
    const wasOpen = this.isOpen;
    this.#failures = 0;
    this.#probing = false;
    if (wasOpen) this.#settings.onChange?.('closed');
  }

  failed(): void {
    const wasOpen = this.isOpen;
    this.#failures += 1;
    this.#probing = false;
    if (!this.isOpen) return;
    this.#openUntil = this.#settings.now() + this.#settings.openMs;
    if (!wasOpen) this.#settings.onChange?.('open');
  }
}
