-- Note that the end of holds was reported, so that it is not reported again.
--
-- KEYS[1]  live
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  the process that has reported them
-- ARGV[3]… member of live, for each hold
--
-- {REPORTED, how many of them were in live}
--
-- Deletes from live, writes records, deletes lease:expiry of that process, also where memory is short. One that lives is
-- left in live, and a record that has gone stays gone. Cost: two writes per hold. Safe to repeat.

--@include shared/entries
--@include shared/memory

local now, lease = redis_ms(), ARGV[1] .. 'lease:' .. 'expiry'
local reported = 0
go_on_without_memory(KEYS[1])
for position = 3, #ARGV do
    local member = ARGV[position]
    local deadline = redis.call('ZSCORE', KEYS[1], member)
    if deadline and tonumber(deadline) <= now then
        reported = reported + redis.call('ZREM', KEYS[1], member)
        local key = ARGV[1] .. 'hold:' .. member
        if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'reported', '1') end
    end
end
if redis.call('GET', lease) == ARGV[2] then redis.call('DEL', lease) end
return {'REPORTED', reported}
