-- Give a hold more time, counted from now. A hold is never shortened.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  life from now, ms
-- ARGV[4]  how long the record is kept after it expired, ms
--
-- {EXTENDED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue}
-- {EXHAUSTED, …}  as EXTENDED, unchanged: it would outlive its limit
-- {PINNED, …}     as EXTENDED, unchanged: it is just being confirmed
-- {CONFIRMED, …}  as EXTENDED, unchanged: it became an appointment
-- {EXPIRED, …}    as EXTENDED, unchanged: its deadline has passed
-- {MISSING}
--
-- Writes the record, live, held:* and client:* lists. Cost: the entries of the lists the hold stands in.

--@include shared/days
--@include shared/entries
--@include shared/holds

local now = redis_ms()
local hold = read_hold(KEYS[1], now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return hold_reply('CONFIRMED', ARGV[1], ARGV[2], hold, now) end
if hold.deadline <= now then return hold_reply('EXPIRED', ARGV[1], ARGV[2], hold, now) end
if hold.state == 'pinned' then return hold_reply('PINNED', ARGV[1], ARGV[2], hold, now) end
local wished = now + tonumber(ARGV[3])
if wished > hold.limit then return hold_reply('EXHAUSTED', ARGV[1], ARGV[2], hold, now) end
set_deadline(ARGV[1], KEYS[1], ARGV[2], hold, math.max(wished, hold.deadline), now, tonumber(ARGV[4]))
return hold_reply('EXTENDED', ARGV[1], ARGV[2], hold, now)
