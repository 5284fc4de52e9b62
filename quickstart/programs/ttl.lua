-- How long a record with the status ARGV[2] lives, in milliseconds, by the TTL table whose key is ARGV[1].
-- Nothing when there is no active table: then nobody may trust or write a record. docs/protocol.md#the-ttl-table-and-the-switch
local text = redis.call('GET', ARGV[1])
if not text then return '' end
local policy = cjson.decode(text)
if policy.state ~= 'Active' then return '' end
return 1000 * ((policy.statuses or {})[ARGV[2]] or policy.defaultSeconds)
