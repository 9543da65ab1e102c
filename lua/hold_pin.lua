-- Stop a hold's clock for the time its confirmation takes: it will not expire before the grace has passed.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  grace, ms: longer than the confirmation's transaction can last
-- ARGV[4]  how long the record is kept after it expired, ms
--
-- {PINNED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, bitmap_versions}
--   bitmap_versions: when the bitmaps it rests on were last dropped, "<resource>:<day>:<instant> …", for hold_settle
-- {CONFIRMED, …}  as PINNED without bitmap_versions, unchanged: it already became the appointment
-- {EXPIRED, …}    as PINNED without bitmap_versions, unchanged: its deadline has passed, or its longest life is over
-- {MISSING}
--
-- Pinning a pinned hold again is allowed: two confirmations of one hold meet in Postgres, where one appointment is made.
-- Writes the record, live, held:* and client:* lists, absent version:*. Cost: the entries of the lists the hold stands in.

--@include shared/days
--@include shared/entries
--@include shared/holds

local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]
local grace_ms, retention_ms = tonumber(ARGV[3]), tonumber(ARGV[4])

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return hold_reply('CONFIRMED', prefix, id, hold, now) end
-- Pins do not add up: once the longest life is over, the pin that outlasts it is the last.
if hold.deadline <= now or hold.limit <= now then return hold_reply('EXPIRED', prefix, id, hold, now) end
local pinned_until = now + grace_ms
hold.state = 'pinned'
redis.call('HSET', key, 'pinned_until', integer(pinned_until))
set_deadline(prefix, key, id, hold, math.max(hold.deadline, pinned_until), now, retention_ms)
return pinned_reply('PINNED', prefix, id, hold, now)
