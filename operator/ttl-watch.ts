import { encodeTtlTable, type TtlTable } from '../cache/ttl-table.ts';

const LOOK_MS = 2_000;

interface Watched {
  /** Reads the table; rejects while Redis is away. */
  readonly read: () => Promise<TtlTable | null>;
  /** What is right to be there; undefined while nobody knows, so that any answer of Redis is news. */
  expected: string | undefined;
  /** News is told once, until the next `expect`. */
  told: boolean;
  timer: NodeJS.Timeout | undefined;
}

/** Looks every 2 s whether Redis still has what was published, and says so when it has not. It only reads. */
export class TtlWatch {
  readonly #onDrift: (policyUid: string) => void;
  readonly #watched = new Map<string, Watched>();

  constructor(onDrift: (policyUid: string) => void) {
    this.#onDrift = onDrift;
  }

  /** From now on this is expected; `undefined`: Redis could not be asked, so that its first answer is news. */
  expect(policyUid: string, read: Watched['read'], table: TtlTable | null | undefined): void {
    this.forget(policyUid);
    const expected = table === undefined ? undefined : textOf(table);
    const watched: Watched = { read, expected, told: false, timer: undefined };
    this.#watched.set(policyUid, watched);
    this.#schedule(policyUid, watched);
  }

  forget(policyUid: string): void {
    clearTimeout(this.#watched.get(policyUid)?.timer);
    this.#watched.delete(policyUid);
  }

  close(): void {
    for (const policyUid of [...this.#watched.keys()]) this.forget(policyUid);
  }

  #schedule(policyUid: string, watched: Watched): void {
    if (this.#watched.get(policyUid) !== watched) return;
    watched.timer = setTimeout(() => void this.#look(policyUid, watched), LOOK_MS);
  }

  async #look(policyUid: string, watched: Watched): Promise<void> {
    const text = await watched.read().then(textOf, () => 'away' as const);
    const current = this.#watched.get(policyUid) === watched;
    if (current && text !== 'away' && text !== watched.expected && !watched.told) {
      watched.told = true;
      this.#onDrift(policyUid);
    }
    this.#schedule(policyUid, watched);
  }
}

function textOf(table: TtlTable | null): string {
  return table === null ? 'none' : encodeTtlTable(table);
}
