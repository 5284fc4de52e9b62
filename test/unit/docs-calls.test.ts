import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventDecoder } from '../../api/event-decode.ts';
import { outboxSql } from '../../publisher/index.ts';
import { messageBuilder } from '../../publisher/message.ts';
import { type PublisherOptions, publisherSettings } from '../../publisher/options.ts';
import { read, words } from '../fixtures/docs-pages.ts';

/** Calls that a page shows in the middle of its text, run as they stand there. */

const CHANGE = { orderId: 'A-1', status: 'SHIPPED' };
const GIVEN = { uri: 'amqp://localhost', exchange: 'mes', routingKey: 'mes.order' };
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** The call that begins like this, with `...,` for what goes without saying. */
function run(page: string, beginning: string, scope: Readonly<Record<string, unknown>>): unknown {
  const call = words(read(page)).find((word) => word.startsWith(beginning));
  assert.ok(call, `${page} has no ${beginning}`);
  const source = `return ${call.replaceAll('\n', ' ').replace('{...,', '{...given,')}`;
  return new Function(...Object.keys(scope), source)(...Object.values(scope));
}

describe('docs/events.md', () => {
  it('calls createPublisher so that it writes CloudEvents in binary mode, which a worker reads', () => {
    const createPublisher = (options: PublisherOptions) => publisherSettings(options);
    const scope = { createPublisher, given: GIVEN };
    const settings = run('docs/events.md', 'createPublisher(', scope) as ReturnType<typeof publisherSettings>;
    const { body, contentType, headers } = messageBuilder(settings)(CHANGE, {});
    assert.equal(headers.cloudEvents_source, '/mes');
    const decoded = eventDecoder(settings.event)(body, { contentType, headers });
    assert.equal(decoded.kind, 'Event', JSON.stringify(decoded));
  });

  it('calls publish so that it sends the traceparent', () => {
    const publish = messageBuilder(publisherSettings(GIVEN));
    const scope = { publish, change: CHANGE, traceparent: TRACEPARENT };
    const message = run('docs/events.md', 'publish(', scope) as ReturnType<typeof publish>;
    assert.equal(message.headers.traceparent, TRACEPARENT);
  });
});

describe('docs/outbox.md', () => {
  it('calls outboxSql so that no transaction notifies', () => {
    assert.match(outboxSql(), /pg_notify/);
    assert.doesNotMatch(String(run('docs/outbox.md', 'outboxSql({', { outboxSql })), /pg_notify/);
  });
});
