-- Note that a code is to be sent to a contact of the hold's visitor. The first one lets the hold live as long as the code,
-- as far as its longest life goes.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  digest of the contact
-- ARGV[4]  the contact, sealed
-- ARGV[5]  life of the code, ms
-- ARGV[6]  most codes that are sent for the hold
-- ARGV[7]  shortest pause between two of them, ms
-- ARGV[8]  how long the record is kept after it expired, ms
--
-- {ASKED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, client, proof, end of the code (ms),
--         codes left}
-- {WAIT, ms until the next may be asked for}
-- {SPENT}
-- {PINNED, …}     as ASKED without the last two: it is just being confirmed
-- {CONFIRMED, …}  as PINNED: it became an appointment
-- {EXPIRED, …}    as PINNED: its deadline has passed
-- {MISSING}
--
-- Writes the record; at the first code also live, budgets, held:* and client:* lists; where memory is short, nothing.
-- Cost: the entries of the lists the hold stands in.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local key, prefix, id, contact, sealed = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local life_ms, most, pause_ms, retention_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local now = redis_ms()
local hold = read_hold(key, now)
if not hold then return {'MISSING'} end
if hold.state == 'confirmed' then return hold_reply('CONFIRMED', prefix, id, hold, now) end
if hold.deadline <= now then return hold_reply('EXPIRED', prefix, id, hold, now) end
if hold.state == 'pinned' then return hold_reply('PINNED', prefix, id, hold, now) end
local asked = redis.call('HMGET', key, 'code_count', 'code_asked_at')
local count, asked_at = tonumber(asked[1] or '') or 0, tonumber(asked[2] or '') or 0
if count >= most then return {'SPENT'} end
if count > 0 and asked_at + pause_ms > now then return {'WAIT', integer(asked_at + pause_ms - now)} end
require_memory(key)
redis.call('HSET', key, 'code_count', count + 1, 'code_asked_at', integer(now), 'code_until', integer(now + life_ms),
    'code_contact', contact, 'code_sealed', sealed, 'code_tries', 0)
-- The code before this one, to whomever it went, opens nothing any more.
redis.call('HDEL', key, 'code_digest')
if count == 0 then
    set_deadline(prefix, key, id, hold, math.max(hold.deadline, math.min(now + life_ms, hold.limit)), now, retention_ms)
end
local reply = hold_reply('ASKED', prefix, id, hold, now)
reply[#reply + 1] = integer(now + life_ms)
reply[#reply + 1] = integer(most - count - 1)
return reply
