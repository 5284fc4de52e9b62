import { FIELDS } from '../keys.ts';
import { PROVE_MASTER } from './fragments.ts';

/**
 * An event has arrived for each of these orders. Nothing is ever written for an order that is absent.
 *
 *   KEYS[i]     key of an order
 *   ARGV[1]     'mark' or 'drop'
 *   ARGV[2]     mark: the ticket. drop: the source of the events' versions, '' for none
 *   ARGV[3...]  drop only, two for each key: version and status that every event in hand has; version '' for none
 *
 * Result, for each key:
 *   0  absent, or no hash: nothing was written
 *   1  voided: it was a placeholder and is deleted, so that the fill of its holder is refused
 *   2  dropped: it was a record and is deleted (in mark: for want of memory)
 *   3  unchanged: the record has this version of this source, and this status
 *   4  marked with the ticket
 */
export const APPLY = `
${PROVE_MASTER}
local call, pcall, keys, args = redis.call, redis.pcall, KEYS, ARGV
local marking, token = args[1] == 'mark', args[2]
local comparing = #args > 2
local results, wrote = {}, false
for i = 1, #keys do
  local key = keys[i]
  local found = comparing
    and pcall('HMGET', key, '${FIELDS.status}', '${FIELDS.lease}', '${FIELDS.version}', '${FIELDS.source}')
    or pcall('HMGET', key, '${FIELDS.status}', '${FIELDS.lease}')
  local status = found[1]
  local result = 0
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then return redis.error_reply(found.err) end
  elseif not status then
    if found[2] then
      call('DEL', key)
      result = 1
    end
  elseif marking then
    local reply = pcall('HSET', key, '${FIELDS.ticket}', token)
    if type(reply) == 'number' then
      result = 4
    elseif string.find(reply.err, 'OOM', 1, true) then
      call('DEL', key)
      result = 2
    else
      return redis.error_reply(reply.err)
    end
  elseif comparing and args[2 * i + 1] ~= '' and args[2 * i + 1] == found[3]
    and token ~= '' and token == found[4]
    and args[2 * i + 2] == status then
    result = 3
  else
    call('DEL', key)
    result = 2
  end
  if result ~= 0 and result ~= 3 then wrote = true end
  results[i] = result
end
if not wrote then prove_master(keys[1]) end
return results
`;
