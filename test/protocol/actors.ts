import { AsyncLocalStorage } from 'node:async_hooks';

/** Thrown at the pausing point of an actor whose schedule has ended. */
class Stopped extends Error {}

const STUCK_MS = 60_000;
const acting = new AsyncLocalStorage<Actor>();

/** Whoever runs one step at a time, from one pausing point to the next, when the scheduler says so. */
export class Actor {
  readonly name: string;
  /** What comes next: the pausing point that it has reached. */
  next = '';
  /** The step that runs, or ran last. */
  step = '';
  #release: ((stop: boolean) => void) | undefined;
  #mayGoOn: () => boolean = () => true;
  #quiet = () => {};
  #done = false;
  #error: unknown;

  /** @param body begins with a pausing point */
  constructor(name: string, body: () => Promise<void>) {
    this.name = name;
    acting
      .run(this, body)
      .catch((error: unknown) => {
        if (!(error instanceof Stopped)) this.#error = error;
      })
      .finally(() => {
        this.#done = true;
        this.#quiet();
      });
  }

  get done(): boolean {
    return this.#done;
  }

  get canStep(): boolean {
    return this.#release !== undefined && this.#mayGoOn();
  }

  /** Runs to the next pausing point or to the end. @throws what the actor throws */
  async run(): Promise<void> {
    const arrived = new Promise<void>((resolve) => {
      this.#quiet = resolve;
    });
    this.step = this.next;
    this.#go(false);
    const timer = setTimeout(() => {
      this.#error = new Error(`${this.name} is stuck after ${this.step}`);
      this.#quiet();
    }, STUCK_MS);
    await arrived;
    clearTimeout(timer);
    if (this.#error !== undefined) throw this.#error;
  }

  /** The schedule has ended: it goes no further. */
  stop(): void {
    this.#go(true);
  }

  pauseAt(label: string, mayGoOn: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.next = label;
      this.#mayGoOn = mayGoOn;
      this.#release = (stop) => (stop ? reject(new Stopped()) : resolve());
      this.#quiet();
    });
  }

  #go(stop: boolean): void {
    const release = this.#release;
    this.#release = undefined;
    release?.(stop);
  }
}

/** A pausing point of the actor that runs; for anybody else nothing. `mayGoOn`: what it waits for. */
export async function pause(label: string, mayGoOn: () => boolean = () => true): Promise<void> {
  await acting.getStore()?.pauseAt(label, mayGoOn);
}

/** The actor whose step this is. */
export function currentActor(): Actor | undefined {
  return acting.getStore();
}
