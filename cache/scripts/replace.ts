/**
 * Replaces the text of a key, if it still is what the caller has read.
 *
 *   KEYS[1]  the key
 *   ARGV[1]  the text that was read, '' for none
 *   ARGV[2]  the new text; '' deletes the key
 *   ARGV[3]  when the new text expires, in seconds; '' never
 *
 * Result: 1 replaced, 0 somebody else has changed it
 */
export const REPLACE = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1
`;
