-- Give a hold more time, counted from now. A hold is never shortened.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  life from now, ms
-- ARGV[4]  how long the record is kept after it expired, ms
--
-- {EXTENDED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, client, proof}
-- {EXHAUSTED, …}  as EXTENDED, unchanged: it would outlive its limit
-- {PINNED, …}     as EXTENDED, unchanged: it is just being confirmed
-- {CONFIRMED, …}  as EXTENDED, unchanged: it became an appointment
-- {EXPIRED, …}    as EXTENDED, unchanged: its deadline has passed
-- {MISSING}
--
-- Writes the record, live, budgets, held:* and client:* lists; where memory is short, nothing.
-- Cost: the entries of the lists the hold stands in.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]
local life_ms, retention_ms = tonumber(ARGV[3]), tonumber(ARGV[4])

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return hold_reply('CONFIRMED', prefix, id, hold, now) end
if hold.deadline <= now then return hold_reply('EXPIRED', prefix, id, hold, now) end
if hold.state == 'pinned' then return hold_reply('PINNED', prefix, id, hold, now) end
local deadline = now + life_ms
if deadline > hold.limit then return hold_reply('EXHAUSTED', prefix, id, hold, now) end
require_memory(key)
set_deadline(prefix, key, id, hold, math.max(deadline, hold.deadline), now, retention_ms)
return hold_reply('EXTENDED', prefix, id, hold, now)
