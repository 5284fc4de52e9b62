import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTtlTable, encodeTtlTable } from '../../cache/ttl-table.ts';
import { ttlTableOf } from '../../operator/ttl-table-of-policy.ts';
import { policyWith } from './operator-policy.ts';

test('what a policy says of times to live reaches the readers', () => {
  const ttl = {
    defaultSeconds: 60,
    jitterPercent: 5,
    absentSeconds: 7,
    statuses: [{ status: 'DELIVERED', seconds: 30 }],
  };
  const table = decodeTtlTable(encodeTtlTable(ttlTableOf(policyWith({ spec: { ttl } }), 'default')));
  assert.ok(table);
  const { defaultSeconds, jitterPercent, absentSeconds, statuses } = table;
  assert.deepEqual(
    { defaultSeconds, jitterPercent, absentSeconds, statuses: { ...statuses } },
    { ...ttl, statuses: { DELIVERED: 30 } },
  );
});
