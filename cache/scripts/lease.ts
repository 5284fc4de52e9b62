import { ABSENT, FIELDS } from '../keys.ts';
import { WRITE } from './fragments.ts';

/**
 * A reader has missed.
 *
 *   KEYS[1]  key of the order
 *   ARGV[1]  the reader's token
 *   ARGV[2]  how long the lease lasts, in milliseconds
 *
 * Result:
 *   0  granted: the key is a placeholder with this token
 *   1  held: another reader has the lease
 *   2  refused: Redis has no memory, or the key is no hash
 *   3  known to be absent: a reader has found no row a short while ago, and no event has been applied since
 *   {status, version or nil, source or nil}  there is a record after all
 */
export const LEASE = `
${WRITE}
local key, token = KEYS[1], ARGV[1]
local found = redis.pcall('HMGET', key,
  '${FIELDS.status}', '${FIELDS.version}', '${FIELDS.source}', '${FIELDS.lease}')
if found.err then
  if string.find(found.err, 'WRONGTYPE', 1, true) then return 2 end
  return redis.error_reply(found.err)
end
if found[1] then return {found[1], found[2], found[3]} end
if found[4] == '${ABSENT}' then return 3 end
if found[4] then return found[4] == token and 0 or 1 end
if not write('HSET', key, '${FIELDS.lease}', token) then return 2 end
redis.call('PEXPIRE', key, ARGV[2])
return 0
`;
