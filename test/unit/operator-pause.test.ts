import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { pause } from '../../operator/clock.ts';
import { handClock } from './operator-clock.ts';

test('a pause ends after its time and leaves nothing behind on the signal', async () => {
  const clock = handClock();
  const { signal } = new AbortController();
  for (let time = 0; time < 50; time += 1) {
    const paused = pause(clock, 100, signal);
    await clock.by(100);
    await paused;
  }
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.equal(clock.pending, 0);
});

test('a pause ends at once when it is aborted, before or during it', async () => {
  const clock = handClock();
  const stopping = new AbortController();
  const paused = pause(clock, 100, stopping.signal);
  stopping.abort();
  await paused;
  await pause(clock, 100, stopping.signal);
  assert.equal(clock.pending, 0);
});
