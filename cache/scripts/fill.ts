import { ABSENT, FIELDS } from '../keys.ts';
import { NOW, WRITE, WRITE_RECORD } from './fragments.ts';

/**
 * The holder of a lease has read the database, in a statement begun after the lease. Its row, or that there is none,
 * is written only if the lease stands: no event has been applied and the lease has not run out since.
 *
 *   KEYS[1]  key of the order
 *   ARGV[1]  the reader's token
 *   ARGV[2]  status
 *   ARGV[3]  version, '' for none
 *   ARGV[4]  source of the version, '' for none
 *   ARGV[5]  TTL in milliseconds; '' when there is nothing to write, which gives the lease back
 *   ARGV[6]  'row', or 'absent': there is no row, which is remembered for the TTL (ARGV[2] to ARGV[4] are '')
 *
 * Result: 0 fenced (nothing was written), 1 filled, 2 released (the placeholder is deleted),
 * 3 dropped for want of memory, 4 remembered as absent
 */
export const FILL = `
${NOW}
${WRITE}
${WRITE_RECORD}
local key, ttl = KEYS[1], ARGV[5]
local lease = redis.pcall('HGET', key, '${FIELDS.lease}')
if type(lease) == 'table' and lease.err then
  if string.find(lease.err, 'WRONGTYPE', 1, true) then return 0 end
  return redis.error_reply(lease.err)
end
if lease ~= ARGV[1] then return 0 end
if ttl == '' then
  redis.call('DEL', key)
  return 2
end
if ARGV[6] == '${ABSENT}' then
  if write('HSET', key, '${FIELDS.lease}', '${ABSENT}') then
    redis.call('PEXPIRE', key, ttl)
    return 4
  end
elseif write_record(key, ARGV[2], ARGV[3], ARGV[4], ttl) then
  return 1
end
redis.call('DEL', key)
return 3
`;
