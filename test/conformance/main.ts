/** `make conformance CMD="..."`: runs a reader in any language through the checks. Ends with 1 when one fails. */
import { parseArgs } from 'node:util';
import { conformance } from './conformance.ts';

const { values } = parseArgs({
  options: { reader: { type: 'string' }, 'read-only': { type: 'boolean' }, only: { type: 'string' } },
});
if (values.reader === undefined || values.reader === '') {
  console.error(
    '--reader: expected the command that starts the reader, got nothing. See docs/other-languages.md.',
  );
  process.exit(2);
}

const ends: (() => unknown)[] = [];
try {
  const findings = await conformance(
    { after: (end) => void ends.push(end) },
    {
      command: values.reader,
      readOnly: values['read-only'] === true,
      ...(values.only !== undefined && { only: values.only }),
    },
  );
  for (const { check, fault } of findings)
    console.log(fault === undefined ? `ok      ${check}` : `FAILED  ${check}\n        ${fault}`);
  const failed = findings.filter(({ fault }) => fault !== undefined).length;
  console.log(`\n${findings.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  for (const end of ends.reverse()) await end();
}
