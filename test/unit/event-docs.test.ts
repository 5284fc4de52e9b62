import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { MALFORMED_REASONS } from '../../api/event.ts';
import { eventDecoder } from '../../api/event-decode.ts';
import { policySpec } from '../../api/policy-spec.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';
import { eventSettings } from '../../publisher/options.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/events.md'), 'utf8');
const policy = parse(readFileSync(join(root, 'docs/examples/orders.yaml'), 'utf8'));
const mistakes = inputCheck(policySpec);

interface Example {
  readonly heading: string;
  readonly event: string;
  readonly message: string;
  readonly read: string;
}

const blocks = /^```yaml\n(.*?)^```\n```http\n(.*?)^```\n```json\n(.*?)^```$/gms;

const examples: Example[] = page.split(/^## /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf('\n'));
  return [...section.matchAll(blocks)].map(([, event = '', message = '', read = '']) => ({
    heading,
    event,
    message,
    read,
  }));
});

/** Properties and headers in front of an empty line; a message that begins with its body has none. */
function delivered(message: string) {
  const [head = '', ...rest] = message.startsWith('{') ? ['', message] : message.split('\n\n');
  const lines = head.split('\n').filter((line) => line !== '');
  const fields = lines.map((line) => {
    const at = line.indexOf(': ');
    return [line.slice(0, at), line.slice(at + 2)] as const;
  });
  const { 'content-type': contentType, ...headers } = Object.fromEntries(fields);
  return { body: Buffer.from(rest.join('\n\n')), properties: { contentType, headers } };
}

describe('docs/events.md', () => {
  it('has an example for each format', () => {
    const fences = page.match(/^```\w+$/gm) ?? [];
    assert.equal(examples.length * 3, fences.length);
    const formats = new Set(examples.map(({ event }) => eventSettings(parse(event)).format));
    assert.deepEqual([...formats].sort(), ['CloudEvents', 'DebeziumOutbox', 'JSON']);
  });

  for (const [index, { heading, event, message, read }] of examples.entries())
    it(`is right about example ${index + 1}, ${heading}`, () => {
      assert.deepEqual(mistakes({ ...policy.spec, event: parse(event) }), []);
      const { body, properties } = delivered(message);
      const decoded = eventDecoder(eventSettings(parse(event)))(body, properties);
      assert.equal(decoded.kind, 'Event', JSON.stringify(decoded));
      const { orderId, status, timestampMs, version } = decoded.event;
      const time = new Date(timestampMs).toISOString();
      assert.deepEqual({ orderId, status, time, version }, JSON.parse(read));
    });

  it('lists every reason for which an event is malformed', () => {
    const listed = page.slice(page.indexOf('| reason |')).match(/`[A-Z][A-Za-z0-9]+`/g) ?? [];
    const reasons = listed.map((name) => name.slice(1, -1));
    assert.deepEqual(reasons.sort(), [...MALFORMED_REASONS].sort());
  });
});
