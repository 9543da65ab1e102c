-- End a pin whose confirmation was refused: the hold is an ordinary one again, and lives until its deadline.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  until when it was pinned, ms: where another attempt has pinned it since, nothing changes
--
-- {UNPINNED}   it is held, or has expired meanwhile
-- {PINNED}     another attempt is at it: unchanged
-- {CONFIRMED}  it became an appointment: unchanged
-- {MISSING}    there is none (any more)
--
-- Writes the record, also where memory is short. Cost: constant.

--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, pinned_until = KEYS[1], ARGV[1]

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return {'CONFIRMED'} end
if hold.state == 'pinned' then
    if redis.call('HGET', key, 'pinned_until') ~= pinned_until then return {'PINNED'} end
    go_on_without_memory(key)
    redis.call('HSET', key, 'state', 'held', 'pinned_until', integer(now))
end
return {'UNPINNED'}
