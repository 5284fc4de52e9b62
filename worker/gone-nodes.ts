import { replyNode } from './reply-address.ts';

const REMEMBERED_MS = 60_000;
const MOST = 1_000;

/** Broker nodes that direct reply addresses name and the cluster does not have. Pure; told the time in milliseconds. */
export class GoneNodes {
  readonly #until = new Map<string, number>();

  add(address: string, now: number): void {
    const node = replyNode(address);
    if (node === undefined) return;
    const [oldest] = this.#until.keys();
    if (this.#until.size >= MOST && oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(node, now + REMEMBERED_MS);
  }

  has(address: string, now: number): boolean {
    if (this.#until.size === 0) return false;
    const node = replyNode(address);
    const until = node === undefined ? undefined : this.#until.get(node);
    return until !== undefined && now < until;
  }
}
