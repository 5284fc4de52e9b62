import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createPublisher } from '../../publisher/index.ts';
import { faultProxy, testVhost } from '../servers/index.ts';

/** How many listeners there are for the end of something, on all signals together, more than at the call. */
function countAbortListeners(): () => number {
  const [added, removed] = [
    mock.method(EventTarget.prototype, 'addEventListener').mock,
    mock.method(EventTarget.prototype, 'removeEventListener').mock,
  ];
  const of = ({ calls }: typeof added) =>
    calls.filter(({ arguments: [type] }) => String(type) === 'abort').length;
  return () => of(added) - of(removed);
}

test('a publisher that connects again and again keeps nothing of the connections before', async (t) => {
  const vhost = await testVhost(t);
  const proxy = await faultProxy(t, vhost.amqpUri);
  const publisher = createPublisher({
    uri: proxy.through(vhost.amqpUri),
    exchange: 'amq.topic',
    routingKey: 'mes',
    mandatory: false,
  });
  t.after(() => publisher.close());
  await publisher.publish({ orderId: 'A', status: 'NEW' });
  const listeners = countAbortListeners();
  t.after(() => mock.restoreAll());
  for (let n = 0; n < 10; n += 1) {
    proxy.reset();
    await publisher.publish({ orderId: 'A', status: 'NEW' });
  }
  assert.ok(listeners() <= 2, `${listeners()} listeners`);
});
