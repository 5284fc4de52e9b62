import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMicroseconds } from '../../api/event-timestamp.ts';
import { testDatabase } from '../servers/index.ts';

const two = (number: number) => String(number).padStart(2, '0');
const fraction = fc.oneof(
  fc.constantFrom('', '.0', '.9999995', '.9999994', '.0000005', '.0000015', '.1234565', '.999999999'),
  fc.stringMatching(/^\.[0-9]{1,12}$/),
  fc.stringMatching(/^\.[0-9]{6}(5|50|500|499|501)$/),
);
const offset = fc.oneof(
  fc.constantFrom('Z', '+00:00', '-00:00', '+05:45'),
  fc
    .tuple(fc.constantFrom('+', '-'), fc.nat(14), fc.nat(59))
    .map(([sign, h, m]) => `${sign}${two(h)}:${two(m)}`),
);
const timestamps = fc
  .tuple(fc.date({ min: new Date('2000-01-02'), max: new Date('2099-12-30'), noInvalidDate: true }), fraction)
  .chain(([date, digits]) => offset.map((zone) => `${date.toISOString().slice(0, 19)}${digits}${zone}`));

/** What docs/events.md promises of versionFormat Timestamp: otherwise a row would look behind its own event. */
test('the microseconds of an RFC 3339 text are those of the timestamptz that PostgreSQL makes of it', async (t) => {
  const { pool } = await testDatabase(t);
  const texts = fc.sample(timestamps, { numRuns: 20_000, seed: 20261122 });
  const sql = `SELECT (extract(epoch FROM text::timestamptz) * 1000000)::bigint::text AS micros
    FROM unnest($1::text[]) WITH ORDINALITY AS given(text, position) ORDER BY position`;
  const { rows } = await pool.query<{ micros: string }>(sql, [texts]);
  const different = texts.filter(
    (text, index) => String(parseMicroseconds('RFC3339', text)) !== rows[index]?.micros,
  );
  assert.equal(rows.length, 20_000);
  assert.deepEqual(different, []);
});
