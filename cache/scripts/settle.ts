import { FIELDS } from '../keys.ts';
import { NOW, PROVE_MASTER, WRITE, WRITE_RECORD } from './fragments.ts';

/**
 * After apply the worker has read the row of each of these orders on the primary. Nothing is ever written for an order
 * that is absent, and a row is written only where the worker's ticket stands: nothing has happened to the record since.
 *
 *   KEYS[i]     key of an order
 *   ARGV[1]     the ticket of apply
 *   ARGV[2]     the source of the rows' versions, '' for none
 *   ARGV[3...]  three for each key: status, version ('' for none), TTL in milliseconds;
 *               TTL '' when there is no row, '0' when there is one that must not be written
 *
 * Result, for each key:
 *   0  absent, or no hash: nothing was written
 *   1  unchanged: the record equals the row, and its TTL stays
 *   2  updated: the row was written, with its TTL
 *   3  dropped: there is no row
 *   4  dropped: the record differs and the ticket does not stand, or it was a placeholder
 *   5  dropped: Redis has no memory
 *   6  dropped: the record differs and must not be written
 */
export const SETTLE = `
${NOW}
${WRITE}
${WRITE_RECORD}
${PROVE_MASTER}
local ticket, row_source = ARGV[1], ARGV[2]
local results, wrote = {}, false
for i, key in ipairs(KEYS) do
  local status, version, ttl = ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local source = version ~= '' and row_source or ''
  local found = redis.pcall('HMGET', key,
    '${FIELDS.status}', '${FIELDS.version}', '${FIELDS.source}', '${FIELDS.ticket}', '${FIELDS.lease}')
  local result
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then return redis.error_reply(found.err) end
    result = 0
  elseif not found[1] then
    result = found[5] and 4 or 0
  elseif ttl == '' then
    result = 3
  elseif found[1] == status and (found[2] or '') == version and (found[3] or '') == source then
    result = 1
    if found[4] == ticket then
      redis.call('HDEL', key, '${FIELDS.ticket}')
      wrote = true
    end
  elseif found[4] ~= ticket then
    result = 4
  elseif ttl == '0' then
    result = 6
  else
    result = write_record(key, status, version, source, ttl) and 2 or 5
  end
  if result >= 3 then redis.call('DEL', key) end
  if result >= 2 then wrote = true end
  results[i] = result
end
if not wrote then prove_master(KEYS[1]) end
return results
`;
