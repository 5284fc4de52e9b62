import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { validTraceparent } from '../../api/traceparent.ts';
import { deadLetterMessage, retryMessage } from '../../worker/outgoing.ts';
import { traceparentOf } from '../../worker/traceparent.ts';
import { delivered, RecordingSource } from './worker-deliveries.ts';

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const OTHER = '00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01';
const event = { orderId: 'a', status: 'PAID', timestampMs: 0, version: null };
const delivery = (headers?: Record<string, unknown>) =>
  delivered(new RecordingSource(), 1, '', headers === undefined ? {} : { headers });

describe('a traceparent', () => {
  it('is what W3C Trace Context says', () => {
    assert.equal(validTraceparent(TRACE), TRACE);
  });

  const refused: unknown[] = [
    ...[undefined, null, 7, '', {}, Buffer.from(TRACE), { '!': 'timestamp', value: 1 }],
    ...[TRACE.toUpperCase(), `${TRACE}-x`, `${TRACE}\r\n`, ` ${TRACE}`, TRACE.replace('00-', 'ff-')],
    TRACE.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
    TRACE.replace('00f067aa0ba902b7', '0'.repeat(16)),
  ];
  for (const value of refused)
    it(`is not ${JSON.stringify(value)}`, () => {
      assert.equal(validTraceparent(value), undefined);
    });

  it("of a delivery is the header's, or else the one in the event", () => {
    const traced = { ...event, traceparent: OTHER };
    assert.equal(traceparentOf(delivery({ traceparent: TRACE }), traced), TRACE);
    assert.equal(traceparentOf(delivery({ traceparent: 'forged\nline' }), traced), OTHER);
    assert.equal(traceparentOf(delivery(), traced), OTHER);
    assert.equal(traceparentOf(delivery(), event), undefined);
  });

  it('stays on a message that is retried or dead-lettered, with the trace state beside it', () => {
    const headers = { traceparent: TRACE, tracestate: 'shop=1' };
    const step = { exchange: 'ordercache.delay.1s', delaySeconds: 1 };
    const retry = { kind: 'Retry', reason: 'RowBehind', attempts: 1, step } as const;
    const dead = { kind: 'DeadLetter', reason: 'InvalidJson', detail: '' } as const;
    for (const message of [
      retryMessage(delivery(headers), retry),
      deadLetterMessage(delivery(headers), dead, 'q.dead', new Date(0)),
    ]) {
      assert.equal(message.headers.traceparent, TRACE);
      assert.equal(message.headers.tracestate, 'shop=1');
    }
  });
});
