import type { Socket } from 'node:net';

/** What happens to bytes, ends and resets on their way. */
export type Fault =
  | { kind: 'pass' }
  | { kind: 'swallow' }
  | { kind: 'hold' }
  | { kind: 'delay'; milliseconds: number };

type Item = Buffer | 'end' | 'reset';

/** A direction stops reading while it holds more than this. */
const maxHeldBytes = 4 * 1024 * 1024;

/** One direction of a connection: what comes in on one socket goes out on the other, in order, as the fault has it. */
export class Direction {
  /** Something was swallowed, so the connection cannot go on. */
  swallowed = false;
  readonly #from: Socket;
  readonly #to: Socket;
  #fault: Fault;
  #queue: { item: Item; due: number }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, fault: Fault) {
    this.#from = from;
    this.#to = to;
    this.#fault = fault;
    from.setNoDelay(true);
    from.on('data', (chunk) => this.#receive(chunk));
    from.on('end', () => this.#receive('end'));
    from.on('error', () => this.#receive('reset'));
    from.on('close', () => clearTimeout(this.#timer));
    to.on('drain', () => this.#flush());
  }

  setFault(fault: Fault): void {
    this.#fault = fault;
    if (fault.kind === 'swallow' && this.#queue.length > 0) this.#swallow();
    for (const held of this.#queue) held.due = 0;
    this.#flush();
  }

  #receive(item: Item): void {
    if (this.#fault.kind === 'swallow') {
      this.#swallow();
      return;
    }
    const due = this.#fault.kind === 'delay' ? performance.now() + this.#fault.milliseconds : 0;
    this.#queue.push({ item, due });
    this.#heldBytes += item.length;
    this.#flush();
  }

  #swallow(): void {
    this.swallowed = true;
    this.#queue = [];
    this.#heldBytes = 0;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    while (this.#fault.kind !== 'hold' && this.#queue[0] !== undefined) {
      const { item, due } = this.#queue[0];
      const wait = due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#flush(), wait);
        break;
      }
      this.#queue.shift();
      this.#heldBytes -= item.length;
      this.#send(item);
    }
    if (this.#heldBytes > maxHeldBytes || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }

  #send(item: Item): void {
    if (item === 'reset') this.#to.resetAndDestroy();
    else if (item === 'end') this.#to.end();
    else if (this.#to.writable) this.#to.write(item);
  }
}
