/**
 * The states that were seen, each by 63 bits of hash: with ten million states the odds that two share one are about
 * one in 200,000.
 */
export class SeenStates {
  #slots = new Uint32Array(2 << 16);
  #mask = (1 << 16) - 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** False when it was there. */
  add(bytes: Uint8Array, length: number): boolean {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let i = 0; i < length; i++) {
      const byte = bytes[i] ?? 0;
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul(high ^ (high >>> 13) ^ byte, 0x5bd1e995);
    }
    return this.#insert(mixed(low ^ length), mixed(high) | 1);
  }

  #insert(low: number, high: number): boolean {
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const found = this.#slots[2 * slot + 1];
      if (found === 0) {
        this.#slots[2 * slot] = low;
        this.#slots[2 * slot + 1] = high;
        this.#count++;
        if (this.#count * 3 > this.#mask * 2) this.#grow();
        return true;
      }
      if (found === high >>> 0 && this.#slots[2 * slot] === low >>> 0) return false;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    this.#mask = this.#mask * 2 + 1;
    this.#count = 0;
    for (let i = 0; i < before.length; i += 2) {
      const high = before[i + 1] ?? 0;
      if (high !== 0) this.#insert(before[i] ?? 0, high);
    }
  }
}

/** The end of MurmurHash3: every bit of the input reaches every bit of the output. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
