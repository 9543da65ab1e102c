-- Give a hold up: its minutes are free at once.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  1 to release a pinned hold too: only its confirmation may, when it has failed for good; else 0
--
-- {RELEASED}
-- {PINNED}     it is just being confirmed: unchanged
-- {CONFIRMED}  it became an appointment: unchanged
-- {MISSING}    there is none (any more), or it has expired: unchanged, for its end is yet to be reported
--
-- Deletes the record, takes the hold out of live, its budgets and the held:* and client:* lists, also where memory is short.
-- Cost: the entries of those lists.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory
--@include shared/shares

local key, prefix, id, even_pinned = KEYS[1], ARGV[1], ARGV[2], ARGV[3] == '1'

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return {'CONFIRMED'} end
if hold.state == 'pinned' and not even_pinned then return {'PINNED'} end
if hold.deadline <= now then return {'MISSING'} end
go_on_without_memory(key)
leave_lists(prefix, id, hold, now)
give_back(prefix, key)
redis.call('DEL', key)
return {'RELEASED'}
