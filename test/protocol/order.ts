import type { EventSettings } from '../../api/worker-config.ts';
import { OrderCache } from '../../cache/order-cache.ts';
import { messageBuilder } from '../../publisher/message.ts';
import { Acknowledgements } from '../../worker/acknowledgements.ts';
import type { Verdict } from '../../worker/decide.ts';
import type { Delivery, Source } from '../../worker/delivery.ts';
import { OrdersTable } from '../../worker/orders-table.ts';
import { retryMessage } from '../../worker/outgoing.ts';
import { EVENT_SETTINGS } from '../fixtures/worker-config.ts';
import { type Actor, currentActor, pause } from './actors.ts';

export interface Change {
  readonly status: string;
  readonly version: number;
}

type Message = Pick<Delivery, 'body' | 'properties'>;

const EPOCH_US = 1_700_000_000_000_000;

/** What initiators put into their events, whatever of it a policy reads. */
const PUBLISHED: EventSettings = {
  ...EVENT_SETTINGS,
  timestampFormat: 'UnixMicroseconds',
  versionPointer: '/version',
};
const messageOf = messageBuilder({ event: PUBLISHED, routingKey: 'order' });

const known = new Map<string, Order>();

/** One order of one schedule: its events, and what the steps of the protocol did to it. */
export class Order implements Source {
  readonly orderId: string;
  readonly queue = 'q';
  readonly open = true;
  readonly acknowledgements = new Acknowledgements();
  /** The statuses that its row has had, in the order of the commits. */
  readonly history: string[] = [];
  /** In the queue. */
  readonly messages: Message[] = [];
  /** Come back when no transaction is open any more: retries last longer than transactions. */
  readonly delayed: Message[] = [];
  transactions = 0;
  rowLocked = false;
  /** How often `apply` was begun. */
  applies = 0;
  violation: string | null = null;
  /** An event whose version never becomes visible belongs to the scenario. */
  waitsInVain = false;
  readonly #quietAt = new Set<number>();
  readonly #applieds = new Map<Actor, number>();
  readonly #takenAt = new Map<number, number>();
  readonly #performed = new Set<number>();
  readonly #acknowledged = new Set<number>();
  #tags = 0;

  constructor(orderId: string) {
    this.orderId = orderId;
    known.set(orderId, this);
  }

  publish({ status, version }: Change): void {
    const change = { orderId: this.orderId, status, timestamp: (EPOCH_US + version) / 1000, version };
    const { body, contentType, headers } = messageOf(change, {});
    this.messages.push({ body, properties: { contentType, headers } });
  }

  get hasMessages(): boolean {
    return this.messages.length > 0 || (this.transactions === 0 && this.delayed.length > 0);
  }

  /** What a worker gets when it asks now. */
  take(): Delivery[] {
    if (this.transactions === 0) this.messages.push(...this.delayed.splice(0));
    return this.messages.splice(0).map((message) => {
      this.#tags += 1;
      this.acknowledgements.delivered(this.#tags);
      this.#takenAt.set(this.#tags, this.applies);
      if (this.transactions === 0) this.#quietAt.add(this.#tags);
      return { source: this, tag: this.#tags, redelivered: false, ...message };
    });
  }

  /** C5: what has ended was applied after it was taken. */
  ended(delivery: Delivery, verdict: Verdict): void {
    const { tag } = delivery;
    const effective = this.applies > (this.#takenAt.get(tag) ?? 0);
    if (verdict.kind === 'DeadLetter')
      this.violation ??= `C6: a good event was dead-lettered: ${verdict.reason}`;
    if (!effective) this.violation ??= 'C5: ended without its effect';
    if (this.#performed.has(tag)) this.violation ??= `event ${tag} ended twice`;
    this.#performed.add(tag);
    if (verdict.kind === 'Retry' && this.#quietAt.has(tag) && !this.waitsInVain)
      this.violation ??= 'an event waits although its row is visible';
    if (verdict.kind !== 'Retry') return;
    const { body, properties, headers } = retryMessage(delivery, verdict);
    this.delayed.push({ body, properties: { ...properties, headers } });
  }

  acknowledge(): void {
    for (const tag of this.#performed) this.#acknowledged.add(tag);
  }

  get unacknowledged(): number {
    return this.#tags - this.#acknowledged.size;
  }

  applied(): void {
    this.applies += 1;
  }

  loaded(by: Actor): void {
    this.#applieds.set(by, this.applies);
  }

  /** C4: nothing was applied between a reader's look at the row and its write. */
  filled(by: Actor): void {
    if (this.#applieds.get(by) !== this.applies)
      this.violation ??= 'C4: an older row was filled after an event';
  }

  forget(): void {
    known.delete(this.orderId);
  }
}

/** Each step that the real code takes towards Redis and PostgreSQL becomes a step of the actor that takes it. */
export function watchSteps(): void {
  for (const name of ['lease', 'fill', 'fillAbsent', 'release', 'apply', 'settle'] as const)
    wrap(OrderCache.prototype, name, observe);
  for (const name of ['read', 'write'] as const) wrap(OrdersTable.prototype, name, observe);
}

function observe(name: string, args: readonly unknown[], result: unknown): void {
  const actor = currentActor();
  const [first, second] = args;
  if (actor === undefined) return;
  if (name === 'fill' || name === 'fillAbsent') {
    const { kind } = result as { kind: string };
    if (kind.startsWith('filled')) known.get(String(first))?.filled(actor);
  }
  if (name === 'apply') {
    for (const { orderId } of second as readonly { orderId: string }[]) known.get(orderId)?.applied();
  }
}

type After = (name: string, args: readonly unknown[], result: unknown) => void;
const wrapped = new Set<string>();

function wrap(prototype: object, name: string, after: After): void {
  const original: unknown = Reflect.get(prototype, name);
  const id = `${prototype.constructor.name}.${name}`;
  if (wrapped.has(id)) return;
  wrapped.add(id);
  if (typeof original !== 'function') throw new Error(`${id} is no method any more`);
  const value = async function (this: object, ...args: unknown[]): Promise<unknown> {
    if (currentActor() === undefined) return Reflect.apply(original, this, args);
    await pause(name, name === 'write' ? () => rowsUnlocked(args) : undefined);
    const result: unknown = await Reflect.apply(original, this, args);
    after(name, args, result);
    return result;
  };
  Reflect.defineProperty(prototype, name, { value, configurable: true, writable: true });
}

function rowsUnlocked([changes]: readonly unknown[]): boolean {
  const orders = changes as readonly { orderId: string }[];
  return orders.every(({ orderId }) => known.get(orderId)?.rowLocked !== true);
}

/** The reader of this actor has seen the row. */
export function sawRow(orderId: string): void {
  const actor = currentActor();
  if (actor !== undefined) known.get(orderId)?.loaded(actor);
}
