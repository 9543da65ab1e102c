-- Stop a hold's clock for the time its confirmation takes: it will not expire before the grace has passed.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  grace, ms: longer than the confirmation's transaction can last
-- ARGV[4]  how long the record is kept after it expired, ms
--
-- {PINNED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, client, proof, bitmap_versions,
--          left}
--   bitmap_versions: when the bitmaps it rests on were last dropped, "<resource>:<day>:<instant> …", for hold_settle
--   left: for how long it is pinned, ms: the grace. Less where its longest life is over: pins do not add up, so this is
--   what remains of an earlier attempt's pin, and the commit must come that much sooner
-- {CONFIRMED, …}  as PINNED without the last two, unchanged: it already became the appointment
-- {EXPIRED, …}    as PINNED without the last two, unchanged: its deadline has passed, or its longest life is over and no
--                 pin stands
-- {MISSING}
--
-- Pinning a pinned hold again is allowed: two confirmations of one hold meet in Postgres, where one appointment is made.
-- Writes the record, live, budgets, held:* and client:* lists, absent version:*, also where memory is short: a confirmation
-- frees some. Cost: the entries of the lists the hold stands in.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, prefix, id = KEYS[1], ARGV[1], ARGV[2]
local grace_ms, retention_ms = tonumber(ARGV[3]), tonumber(ARGV[4])

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return hold_reply('CONFIRMED', prefix, id, hold, now) end
local is_over = hold.limit <= now
if hold.deadline <= now or (is_over and hold.state ~= 'pinned') then return hold_reply('EXPIRED', prefix, id, hold, now) end
go_on_without_memory(key)
if not is_over then
    hold.state, hold.pinned_until = 'pinned', now + grace_ms
    redis.call('HSET', key, 'pinned_until', integer(hold.pinned_until))
    set_deadline(prefix, key, id, hold, math.max(hold.deadline, hold.pinned_until), now, retention_ms)
end
local reply = pinned_reply('PINNED', prefix, id, hold, now)
reply[#reply + 1] = integer(hold.pinned_until - now)
return reply
