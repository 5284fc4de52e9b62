import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TIMING } from '../../operator/leader-decision.ts';
import { openManagement } from '../../operator/rabbitmq-management.ts';
import { credentialsFor } from '../integration/operator-policy.ts';

test('a write to the broker that gets no answer is given up before another leader may write', async (t) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1');
  t.after(() => silent.closeAllConnections());
  t.after(() => silent.close());
  await new Promise((resolve) => silent.once('listening', resolve));
  const uri = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const management = openManagement(credentialsFor('amqp://u:p@127.0.0.1', uri, 'v'));
  t.after(() => management.close());
  const began = performance.now();
  await assert.rejects(management.deleteQueue('q'), { name: 'BrokerFailure', kind: 'Unavailable' });
  assert.ok(performance.now() - began + TIMING.holdMs < TIMING.leaseSeconds * 1000);
});
