import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { Completions } from '../../worker/completions.ts';
import type { PublishResult, Refusal } from '../../worker/confirmed-publisher.ts';
import { Dispatch } from '../../worker/dispatch.ts';
import type { Outgoing } from '../../worker/outgoing.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const CONFIRMED = { kind: 'Confirmed' } as const;
const message = (routingKey: string): Outgoing => ({
  exchange: '',
  routingKey,
  body: Buffer.alloc(0),
  mandatory: false,
  properties: {},
  headers: {},
  ownHeaders: {},
});

/** A dispatch to a broker that answers as told; time stands still until it is moved. */
function situation(t: TestContext, broker: (routingKey: string) => PublishResult | Promise<PublishResult>) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const completions = new Completions(false, () => undefined);
  const [source, sent, ended]: [RecordingSource, string[], string[]] = [new RecordingSource(), [], []];
  const dispatch = new Dispatch({
    name: 'confirmed',
    publish: async ({ routingKey }) => {
      sent.push(routingKey);
      return broker(routingKey);
    },
    completions,
    log: pino({ level: 'silent' }),
    maxInFlight: 100,
    givesUp: (reason: Refusal) => reason === 'BrokerFailed',
  });
  let tag = 0;
  const send = (name: string) => {
    const delivery = delivered(source, ++tag);
    dispatch.send(delivery, message(name), () => {
      ended.push(name);
      completions.finish(delivery, 'updated');
    });
  };
  const later = async () => {
    mock.timers.tick(10_000);
    for (let turns = 0; turns < 20; turns++) await turn();
  };
  return { dispatch, source, sent, ended, send, later };
}

test('nothing is acknowledged before the broker has confirmed, and then as one prefix', async (t) => {
  const answers: ((result: PublishResult) => void)[] = [];
  const { source, send, later } = situation(t, () => new Promise((resolve) => answers.push(resolve)));
  for (const name of ['a', 'b', 'c']) send(name);
  answers[2]?.(CONFIRMED);
  answers[1]?.(CONFIRMED);
  await later();
  assert.deepEqual(source.acknowledged, []);
  answers[0]?.(CONFIRMED);
  await later();
  assert.deepEqual(source.acknowledged, [{ tag: 3, multiple: true }]);
});

test('while the broker blocks publishing all is kept and said; afterwards all is confirmed', async (t) => {
  let blocked = true;
  const { dispatch, source, send, later } = situation(t, () =>
    blocked ? { kind: 'Refused', reason: 'Blocked' } : CONFIRMED,
  );
  for (const name of ['a', 'b', 'c']) send(name);
  await later();
  await later();
  assert.deepEqual([dispatch.refusing, dispatch.pending, source.acknowledged], [true, 3, []]);
  blocked = false;
  await later();
  assert.deepEqual([dispatch.refusing, dispatch.pending], [false, 0]);
  assert.equal(source.acknowledgements.outstanding, 0);
});

test('a message at which the broker fails is found out alone and given up; its neighbours are confirmed', async (t) => {
  const { dispatch, sent, ended, send, later } = situation(t, (name) =>
    name === 'bad' || (sent.length <= 5 && sent.includes('bad'))
      ? { kind: 'Refused', reason: 'BrokerFailed' }
      : CONFIRMED,
  );
  for (const name of ['a', 'bad', 'b', 'c', 'd']) send(name);
  for (let round = 0; round < 10; round++) await later();
  assert.deepEqual([...ended].sort(), ['a', 'b', 'bad', 'c', 'd']);
  assert.deepEqual([dispatch.pending, dispatch.refusing], [0, false]);
  assert.equal(sent.filter((name) => name === 'bad').length, 2);
});

test('what came on a channel that has closed is not sent again', async (t) => {
  const { dispatch, source, sent, send, later } = situation(t, () => ({
    kind: 'Refused',
    reason: 'ChannelClosed',
  }));
  send('a');
  await later();
  source.open = false;
  const before = sent.length;
  await later();
  await later();
  assert.ok(sent.length <= before + 1);
  assert.deepEqual([dispatch.pending, dispatch.refusing], [0, false]);
});
