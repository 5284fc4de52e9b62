import { FIELDS } from '../keys.ts';

/**
 * Pieces of the scripts. `write` runs a command that may need memory: false when Redis has none, and any other refusal
 * (a replica, a failing disk) is raised again by running the command once more.
 */
export const WRITE = `
local function write(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return true end
  if string.find(reply.err, 'OOM', 1, true) then return false end
  redis.call(...)
  return true
end
`;

/**
 * A script that wrote nothing may have run on a replica, whose keys are of the past. Deleting a field that does not
 * exist changes nothing and is refused there.
 */
export const PROVE_MASTER = `
local function prove_master(key)
  local reply = redis.pcall('HDEL', key, '')
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'WRONGTYPE', 1, true) then
    redis.call('HDEL', key, '')
  end
end
`;

/** Milliseconds since 1970 as text: a float would be too short for it. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
`;

/** Writes a row into a key that exists; false when there is no memory. The TTL is in milliseconds. */
export const WRITE_RECORD = `
local function write_record(key, status, version, source, ttl)
  if version == '' then
    if not write('HSET', key, '${FIELDS.status}', status, '${FIELDS.updatedAt}', now) then return false end
    redis.call('HDEL', key, '${FIELDS.lease}', '${FIELDS.ticket}', '${FIELDS.version}', '${FIELDS.source}')
  else
    if not write('HSET', key, '${FIELDS.status}', status, '${FIELDS.updatedAt}', now,
      '${FIELDS.version}', version, '${FIELDS.source}', source) then return false end
    redis.call('HDEL', key, '${FIELDS.lease}', '${FIELDS.ticket}')
  end
  redis.call('PEXPIRE', key, ttl)
  return true
end
`;
