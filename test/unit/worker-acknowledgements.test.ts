import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Acknowledgement, Acknowledgements } from '../../worker/acknowledgements.ts';

/** A channel as the broker sees it: it closes over a tag that it does not know. */
class BrokerChannel {
  readonly unacknowledged = new Set<number>();
  readonly withEffect = new Set<number>();
  delivered = 0;

  deliver(): number {
    this.delivered++;
    this.unacknowledged.add(this.delivered);
    return this.delivered;
  }

  acknowledge({ tag, multiple }: Acknowledgement): void {
    assert.ok(this.unacknowledged.has(tag), `PRECONDITION_FAILED - unknown delivery tag ${tag}`);
    for (const each of multiple ? this.#upTo(tag) : [tag]) {
      assert.ok(this.withEffect.has(each), `${each} is acknowledged before its effect`);
      this.unacknowledged.delete(each);
    }
  }

  #upTo(tag: number): number[] {
    return [...this.unacknowledged].filter((each) => each <= tag);
  }
}

/** What the tracking of acknowledgements is asked for; the variants below answer wrongly. */
interface Tracking {
  delivered(tag: number): void;
  done(tag: number): void;
  keepBack(tag: number): void;
  take(): Acknowledgement[];
}

type Step = { readonly kind: 'deliver' | 'done' | 'keepBack' | 'take'; readonly pick: number };
const steps = fc.array(
  fc.record<Step>({ kind: fc.constantFrom('deliver', 'done', 'keepBack', 'take'), pick: fc.nat(50) }),
  { maxLength: 200 },
);

function play(tracking: Tracking, schedule: readonly Step[]): BrokerChannel {
  const channel = new BrokerChannel();
  const pending: number[] = [];
  for (const { kind, pick } of schedule) {
    if (kind === 'deliver') {
      pending.push(channel.deliver());
      tracking.delivered(channel.delivered);
    } else if (kind === 'take') {
      for (const each of tracking.take()) channel.acknowledge(each);
    } else if (pending.length > 0) {
      const index = pick % pending.length;
      const tag = pending[index] ?? 0;
      if (kind === 'keepBack') tracking.keepBack(tag);
      else {
        pending.splice(index, 1);
        channel.withEffect.add(tag);
        tracking.done(tag);
      }
    }
  }
  for (const tag of pending) {
    channel.withEffect.add(tag);
    tracking.done(tag);
  }
  for (const each of tracking.take()) channel.acknowledge(each);
  return channel;
}

test('whatever order effects happen in, none is acknowledged before its own, and in the end all are', () => {
  fc.assert(
    fc.property(steps, (schedule) => {
      const tracking = new Acknowledgements();
      const channel = play(tracking, schedule);
      assert.equal(channel.unacknowledged.size, 0);
      assert.equal(tracking.outstanding, 0);
    }),
    { numRuns: 1_000 },
  );
});

/** Acknowledges everything up to the tag that has just ended, as a handler of one message would. */
class UpToTheLastDone extends Acknowledgements {
  #last: number | undefined;
  override done(tag: number): void {
    this.#last = tag;
  }
  override take(): Acknowledgement[] {
    const last = this.#last;
    this.#last = undefined;
    return last === undefined ? [] : [{ tag: last, multiple: true }];
  }
}

/** Forgets that tags ahead of the prefix were acknowledged by themselves. */
class WithoutMemoryOfSingles extends Acknowledgements {
  #highest = 0;
  override done(tag: number): void {
    super.done(tag);
    this.#highest = Math.max(this.#highest, tag);
  }
  override take(): Acknowledgement[] {
    const taken = super.take();
    const whole = this.outstanding === 0 && taken.some(({ multiple }) => multiple);
    return whole ? [{ tag: this.#highest, multiple: true }] : taken;
  }
}

for (const [name, variant] of [
  ['acknowledging up to the last one that is done', () => new UpToTheLastDone()],
  ['forgetting which tags were acknowledged by themselves', () => new WithoutMemoryOfSingles()],
] as const) {
  test(`the same schedules find the mistake of ${name}`, () => {
    const result = fc.check(
      fc.property(steps, (schedule) => void play(variant(), schedule)),
      { numRuns: 1_000 },
    );
    assert.equal(result.failed, true);
  });
}

test('a delivery that is kept back holds up nobody behind it', () => {
  const tracking = new Acknowledgements();
  for (const tag of [1, 2, 3, 4]) tracking.delivered(tag);
  tracking.done(1);
  tracking.done(3);
  assert.deepEqual(tracking.take(), [{ tag: 1, multiple: true }]);
  tracking.keepBack(2);
  assert.deepEqual(tracking.take(), [{ tag: 3, multiple: false }]);
  assert.equal(tracking.outstanding, 2);
  tracking.done(2);
  assert.deepEqual(tracking.take(), [{ tag: 2, multiple: true }]);
  tracking.done(4);
  assert.deepEqual(tracking.take(), [{ tag: 4, multiple: true }]);
});

test('a delivery that is kept back for long does not slow down the acknowledgements of all that follow', () => {
  const tracking = new Acknowledgements();
  tracking.delivered(1);
  tracking.keepBack(1);
  /** In milliseconds of this process: what else the machine does is not counted. */
  const acknowledgeThousands = (from: number) => {
    const began = process.cpuUsage();
    for (let tag = from; tag < from + 20_000; tag++) {
      tracking.delivered(tag);
      tracking.done(tag);
      if (tag % 100 === 0) tracking.take();
    }
    return process.cpuUsage(began).user / 1_000;
  };
  acknowledgeThousands(2);
  const early = acknowledgeThousands(20_002);
  for (let round = 2; round < 10; round++) acknowledgeThousands(round * 20_000 + 2);
  const late = acknowledgeThousands(200_002);
  assert.ok(late < 3 * early + 500, `${late} ms after 200,000 deliveries, ${early} ms after 20,000`);
});
