-- Count the holds whose deadline has passed, each once whoever asks, and those that live.
--
-- KEYS[1]  live
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  who asks, by a name that no other one ever has
-- ARGV[3]  number of the question; asked again with the same number, it tells the same
-- ARGV[4]  how long it is remembered what was told, ms
--
-- {COUNTED, how many expired, how many live, now (ms)}
--
-- Deletes from live, writes counted:<who>. Cost: the holds that expired. Safe to repeat.

--@include shared/entries

local now, told = redis_ms(), ARGV[1] .. 'counted:' .. ARGV[2]
local number, expired = string.match(redis.call('GET', told) or '', '^(%d+) (%d+)$')
if number ~= ARGV[3] then
    expired = integer(redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now)))
    -- Nothing is deleted, so nothing need be remembered.
    if expired ~= '0' then redis.call('SET', told, ARGV[3] .. ' ' .. expired, 'PX', ARGV[4]) end
end
return {'COUNTED', expired, integer(redis.call('ZCARD', KEYS[1])), integer(now)}
