-- Compare a code with the one that was sent last. The right one proves the contact that it was sent to, for this hold.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  digest of the code
-- ARGV[2]  most codes that may be tried for each one sent
--
-- {PROVED, the contact (sealed)}  also when it is proved once more
-- {WRONG, tries left}             0: a new code is needed
-- {VOID}                          none was sent, or its time or its tries are used up, or it was replaced
-- {EXPIRED}                       the hold has ended
-- {MISSING}
--
-- Writes the record; where memory is short, nothing. Cost: one read.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, digest, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state ~= 'confirmed' and hold.deadline <= now then return {'EXPIRED'} end
local sent = redis.call('HMGET', key, 'code_digest', 'code_until', 'code_contact', 'code_sealed', 'code_tries')
local tries = tonumber(sent[5] or '') or 0
if not sent[1] or (tonumber(sent[2] or '') or 0) <= now or tries >= most then return {'VOID'} end
require_memory(key)
if sent[1] ~= digest then
    redis.call('HINCRBY', key, 'code_tries', 1)
    return {'WRONG', integer(most - tries - 1)}
end
redis.call('HSET', key, 'proof', sent[3])
return {'PROVED', sent[4]}
