import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CircuitBreaker } from '../../cache/circuit-breaker.ts';
import { LoadLimit, LoadTimeout, ReaderOverloaded } from '../../cache/load-limit.ts';
import { SingleFlight } from '../../cache/single-flight.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));

test('never more loads at a time than allowed, and every one gets its turn', async () => {
  const limit = new LoadLimit({ maxConcurrent: 3, maxWaiting: 100, timeoutMs: 5000 });
  let running = 0;
  let most = 0;
  const load = async () => {
    running += 1;
    most = Math.max(most, running);
    await tick();
    running -= 1;
    return 'row';
  };
  const rows = await Promise.all(Array.from({ length: 50 }, () => limit.run(load)));
  assert.equal(rows.length, 50);
  assert.equal(most, 3);
});

test('a load that does not end is given up at the deadline and told so', async () => {
  const limit = new LoadLimit({ maxConcurrent: 1, maxWaiting: 10, timeoutMs: 30 });
  let aborted = false;
  const stuck = limit.run((signal) => {
    signal.addEventListener('abort', () => {
      aborted = true;
    });
    return new Promise<never>(() => {});
  });
  await assert.rejects(stuck, LoadTimeout);
  assert.ok(aborted);
  assert.equal(await limit.run(async () => 'row'), 'row');
});

test('loads that are given up, in a place or in line, leave as many places as there were', async () => {
  const limit = new LoadLimit({ maxConcurrent: 1, maxWaiting: 10, timeoutMs: 1_000 });
  const stuck = Array.from({ length: 3 }, () => limit.run(() => new Promise<never>(() => {})));
  for (const end of await Promise.allSettled(stuck)) assert.equal(end.status, 'rejected');
  let running = 0;
  const rest = Array.from({ length: 4 }, () =>
    limit.run(async () => {
      running += 1;
      assert.equal(running, 1);
      await tick();
      running -= 1;
    }),
  );
  await Promise.all(rest);
});

test('what does not fit in the line fails at once', async () => {
  const limit = new LoadLimit({ maxConcurrent: 1, maxWaiting: 1, timeoutMs: 5000 });
  let finish = () => {};
  const first = limit.run(
    () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      }),
  );
  const second = limit.run(async () => 'row');
  await assert.rejects(
    limit.run(async () => 'row'),
    ReaderOverloaded,
  );
  finish();
  await first;
  assert.equal(await second, 'row');
});

test('the error of a load arrives as it is', async () => {
  const limit = new LoadLimit({ maxConcurrent: 1, maxWaiting: 1, timeoutMs: 5000 });
  const error = new Error('relation "orders" does not exist');
  await assert.rejects(
    limit.run(() => Promise.reject(error)),
    (thrown) => thrown === error,
  );
});

test('callers of the same key share one piece of work, and the next caller starts anew', async () => {
  const flights = new SingleFlight<number>();
  let works = 0;
  const work = async () => {
    await tick();
    works += 1;
    return works;
  };
  assert.deepEqual(await Promise.all([flights.share('a', work), flights.share('a', work)]), [1, 1]);
  assert.equal(await flights.share('a', work), 2);
});

test('whoever comes after the work has begun shares the next, and gets nothing older than the question', async () => {
  const flights = new SingleFlight<number>();
  let [works, finish] = [0, () => {}];
  const work = async (begin: () => void) => {
    await tick();
    begin();
    const seen = ++works;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return seen;
  };
  const [first, alongside] = [flights.share('a', work), flights.share('a', work)];
  await tick();
  await tick();
  const [late, later] = [flights.share('a', work), flights.share('a', work)];
  finish();
  assert.deepEqual(await Promise.all([first, alongside]), [1, 1]);
  await tick();
  await tick();
  finish();
  assert.deepEqual(await Promise.all([late, later]), [2, 2]);
  assert.equal(works, 2);
});

test('whoever waits for a piece of work that fails gets its error, and does not wait again', async () => {
  const flights = new SingleFlight<number>();
  let works = 0;
  const work = async (begin: () => void) => {
    works += 1;
    begin();
    await tick();
    throw new Error('away');
  };
  const [first, late] = [flights.share('a', work), flights.share('a', work)];
  await assert.rejects(first, /away/);
  await assert.rejects(late, /away/);
  assert.equal(works, 1);
});

test('a breaker opens after some failures in a row, tries one call from time to time, and closes again', () => {
  let now = 0;
  const breaker = new CircuitBreaker({ failures: 3, openMs: 1000, now: () => now });
  const fail = () => {
    assert.ok(breaker.allows());
    breaker.failed();
  };
  fail();
  fail();
  breaker.succeeded();
  fail();
  fail();
  assert.ok(!breaker.isOpen);
  fail();
  assert.ok(!breaker.allows());
  now = 1000;
  assert.ok(breaker.allows());
  assert.ok(!breaker.allows(), 'one call only may try');
  breaker.failed();
  now = 1999;
  assert.ok(!breaker.allows());
  now = 2000;
  assert.ok(breaker.allows());
  breaker.succeeded();
  assert.ok(breaker.allows() && breaker.allows());
});
