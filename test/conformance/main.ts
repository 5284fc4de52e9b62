/**
 * `make conformance CMD="..."`: runs a reader in any language through the checks, or an initiator with INITIATOR="...".
 * Ends with 1 when one fails.
 */
import { parseArgs } from 'node:util';
import { conformance } from './conformance.ts';
import { initiatorConformance } from './initiator.ts';

const { values } = parseArgs({
  options: {
    reader: { type: 'string' },
    initiator: { type: 'string' },
    'read-only': { type: 'boolean' },
    only: { type: 'string' },
  },
});
const { reader = '', initiator = '', only = '' } = values;
if ((reader === '') === (initiator === '')) {
  console.error(
    '--reader or --initiator: expected the command that starts one of them, got ' +
      `${reader === '' ? 'nothing' : 'both'}. See docs/other-languages.md.`,
  );
  process.exit(2);
}

const ends: (() => unknown)[] = [];
try {
  const scope = { after: (end: () => unknown) => void ends.push(end) };
  const findings =
    initiator === ''
      ? await conformance(scope, { command: reader, readOnly: values['read-only'] === true, only })
      : await initiatorConformance(scope, initiator, only);
  for (const { check, fault } of findings)
    console.log(fault === undefined ? `ok      ${check}` : `FAILED  ${check}\n        ${fault}`);
  const failed = findings.filter(({ fault }) => fault !== undefined).length;
  console.log(`\n${findings.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  for (const end of ends.reverse()) await end();
}
