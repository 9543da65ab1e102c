-- Read a hold as it is now by Redis' clock.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
--
-- {HOLD, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, client, proof}   expired when
--            deadline <= now
-- {MISSING}    no such hold, released, or expired long ago
--
-- Writes nothing. Cost: one read.

--@include shared/days
--@include shared/entries
--@include shared/holds

local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
return hold_reply('HOLD', prefix, id, hold, now)
