import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONFIRMATION_OUTCOMES, encodeConfirmation, parseConfirmation } from '../../api/confirmation.ts';
import { confirmationMessage, confirmationOf } from '../../worker/confirmation.ts';
import type { Verdict } from '../../worker/decide.ts';
import { GoneNodes } from '../../worker/gone-nodes.ts';
import { retryMessage } from '../../worker/outgoing.ts';
import { replyAddress } from '../../worker/reply-address.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const DIRECT = 'amq.rabbitmq.reply-to.';
const event = { orderId: 'a', status: 'SENT', timestampMs: 0, version: '12' };
const delivery = (properties = {}) => delivered(new RecordingSource(), 1, '', properties);
const initiators = { policy: 'p', writesRows: false };
const finished = { kind: 'Finished', outcome: 'updated' } as const;

test('an event is outdated when its version is lower than the row’s, however long the numbers are', () => {
  const outcome = (version: string | null, row: string | null) =>
    confirmationOf(initiators, delivery(), finished, { ...event, version }, { status: 'S', version: row })
      .outcome;
  assert.equal(outcome('9', '10'), 'outdated');
  assert.equal(outcome('9007199254740992', '9007199254740993'), 'outdated');
  assert.equal(outcome('10', '10'), 'updated');
  assert.equal(outcome('11', '10'), 'updated');
  assert.equal(outcome(null, '10'), 'updated');
  assert.equal(outcome('10', null), 'updated');
});

test('where workers write the rows, an event that lost a tie is outdated, too', () => {
  const outcome = (writesRows: boolean, status: string) =>
    confirmationOf({ policy: 'p', writesRows }, delivery(), finished, event, { status, version: '12' })
      .outcome;
  assert.equal(outcome(true, 'SHIPPED'), 'outdated');
  assert.equal(outcome(true, 'SENT'), 'updated');
  assert.equal(outcome(false, 'SHIPPED'), 'updated');
});

test('the version is the row’s, or else the event’s; the status is the row’s or left out', () => {
  const of = (row: Parameters<typeof confirmationOf>[4]) => {
    const { version, status } = confirmationOf(initiators, delivery(), finished, event, row);
    return [version, status];
  };
  assert.deepEqual(of({ status: 'DONE', version: '20' }), ['20', 'DONE']);
  assert.deepEqual(of({ status: 'DONE', version: null }), ['12', 'DONE']);
  assert.deepEqual(of(null), ['12', undefined]);
});

test('a malformed event is confirmed without order and version, with its reason and never with its detail', () => {
  const verdict: Verdict = { kind: 'DeadLetter', reason: 'InvalidJson', detail: 'secret' };
  const confirmation = confirmationOf(initiators, delivery({ messageId: 'm' }), verdict, undefined, null);
  assert.deepEqual(confirmation, {
    orderId: null,
    version: null,
    outcome: 'dead-lettered',
    reason: 'InvalidJson',
    messageId: 'm',
    policy: 'p',
  });
});

test('a confirmation is read as it was written, and what is none is not read', () => {
  for (const outcome of CONFIRMATION_OUTCOMES) {
    const written = { orderId: 'a', version: null, outcome, messageId: null, policy: 'p' };
    assert.deepEqual(parseConfirmation(encodeConfirmation(written)), written);
  }
  for (const text of ['', 'null', '[]', '{}', '{"orderId":1}', '{"outcome":"updated"}', '\xff'])
    assert.equal(parseConfirmation(Buffer.from(text)), undefined, text);
});

test('a confirmation carries the correlation id, or else the message id, and a trace only if it is one', () => {
  const confirmation = confirmationOf(initiators, delivery(), finished, event, null);
  const sent = (properties: object) =>
    confirmationMessage(confirmation, delivery(properties), event, { exchange: 'e', routingKey: 'k' });
  assert.equal(sent({ correlationId: 'c', messageId: 'm' }).properties.correlationId, 'c');
  assert.equal(sent({ messageId: 'm' }).properties.correlationId, 'm');
  assert.deepEqual(sent({ headers: { traceparent: 'x', CC: ['salaries'] } }).headers, {});
});

test('only queues for replies may be named', () => {
  for (const queue of [`${DIRECT}abc=.def==`, 'amq.gen-Xy_9', 'confirmations.mes'])
    assert.deepEqual(replyAddress(queue), { kind: 'Allowed', queue });
  const forbidden = [
    'orders',
    'ordercache.shop.orders',
    'confirmations.',
    'confirmations.a b',
    'confirmations.ü',
  ];
  for (const queue of [...forbidden, 'xconfirmations.a', DIRECT, 'amq.rabbitmq.reply-to', 'amq.direct', 7])
    assert.equal(replyAddress(queue).kind, 'Refused', String(queue));
  assert.equal(replyAddress(`confirmations.${'x'.repeat(242)}`).kind, 'Refused');
  for (const nothing of [undefined, '']) assert.equal(replyAddress(nothing).kind, 'None');
});

test('a retry keeps the address for its confirmation, but none over which the broker closes the channel', () => {
  const retry = {
    kind: 'Retry',
    reason: 'RowBehind',
    attempts: 1,
    step: { exchange: 'e', delaySeconds: 1 },
  } as const;
  const replyTo = (address: string) => retryMessage(delivery({ replyTo: address }), retry).properties.replyTo;
  assert.equal(replyTo(`${DIRECT}abc.def`), `${DIRECT}abc.def`);
  assert.equal(replyTo('amq.rabbitmq.reply-to'), undefined);
});

test('a node that is gone is remembered for a minute, whichever of its processes is named', () => {
  const address = (node: string, process: string) =>
    `${DIRECT}${Buffer.from(`${node}${process.padEnd(12)}`).toString('base64')}.key`;
  const gone = new GoneNodes();
  gone.add(address('reply@1', 'a'), 0);
  gone.add('confirmations.mes', 0);
  assert.ok(gone.has(address('reply@1', 'b'), 59_999));
  assert.ok(!gone.has(address('reply@1', 'b'), 60_000));
  assert.ok(!gone.has(address('reply@2', 'a'), 0));
  assert.ok(!gone.has('confirmations.mes', 0));
});
