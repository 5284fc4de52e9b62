import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { initiatorConformance } from '../conformance/initiator.ts';
import { ROOT } from '../fixtures/docs-pages.ts';

/** Initiators (docs/other-languages.md): those of this repository pass, spoilt ones do not. */

const commandOf = (file: string, ...args: string[]) =>
  [process.execPath, '--no-warnings', `${ROOT}/test/conformance/initiators/${file}`, ...args]
    .map((word) => `'${word}'`)
    .join(' ');

async function faults(t: TestContext, command: string, only = ''): Promise<string[]> {
  const findings = await initiatorConformance(t, command, only);
  return findings.flatMap(({ check, fault }) => (fault === undefined ? [] : [`${check}: ${fault}`]));
}

for (const file of ['publisher.ts', 'plain.ts'])
  test(`the initiator ${file} passes`, async (t) => {
    assert.deepEqual(await faults(t, commandOf(file)), []);
  });

/** Each with the check that must find it, and what that says. */
const SPOILT: Readonly<Record<string, readonly [string, RegExp]>> = {
  'other-field': ['names the order', /MissingField|Missing/],
  'no-offset': ['names the order', /Timestamp/],
  'not-persistent': ['persistent', /delivery mode/],
  'no-message-id': ['id of its own', /message ids/],
  'one-message-id': ['id of its own', /message ids/],
  'publishes-first': ['after the commit', /the row when the event arrived/],
  'does-not-confirm': ['does not take', /an event whose change was answered|the event whose change/],
};

for (const [fault, [only, message]] of Object.entries(SPOILT))
  test(`an initiator that is spoilt by ${fault} fails`, async (t) => {
    const found = await faults(t, commandOf('plain.ts', `--fault=${fault}`), only);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', message);
  });

test('an initiator that publishes before its transaction fails is found', async (t) => {
  const found = await faults(t, commandOf('plain.ts', '--fault=publishes-first'), 'publishes nothing');
  assert.match(found.join(), /events/);
});
