-- Take the digest of a code that is about to be sent to the contact that was named last. It replaces an earlier one.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  digest of the code
--
-- {CODE, the contact (sealed)}
-- {MISSING}  nobody waits for a code: there is no such hold, or it has ended, or the time of the code is over
--
-- Writes the record; where memory is short, nothing. Cost: one read.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, digest = KEYS[1], ARGV[1]

local now = redis_ms()
local hold = read_hold(key, now)
if not hold or hold.state == 'confirmed' or hold.deadline <= now then return {'MISSING'} end
local asked = redis.call('HMGET', key, 'code_until', 'code_sealed')
if not asked[2] or (tonumber(asked[1] or '') or 0) <= now then return {'MISSING'} end
require_memory(key)
redis.call('HSET', key, 'code_digest', digest)
return {'CODE', asked[2]}
