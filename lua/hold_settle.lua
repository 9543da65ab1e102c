-- Turn a hold into taken minutes, after Postgres has committed its appointment: at no instant is the slot neither held
-- nor taken. A fill that was read before the commit is refused from here on, because the versions change.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  id of the appointment
-- ARGV[4]  the operation that wrote it: the invalidator passes over rows of a settled operation; '' for none
-- ARGV[5]  how long that is remembered, ms
-- ARGV[6]  how long the record is kept to answer a second confirmation, ms
-- ARGV[7]  claims as committed, "<resource>:<lane>:<start>:<end> …": they count, also when the record is gone
-- ARGV[8]  what the attempt that committed had seen when it pinned, as hold_pin or hold_place told it; '' for nothing
--
-- {SETTLED}
--
-- Clears bits in clear:* or deletes it, changes version:*, the record, held:* and client:* lists, writes operation:<operation>.
-- Cost: days touched, and the entries of the lists the hold stands in. Safe to repeat.

--@include shared/days
--@include shared/entries
--@include shared/holds

local BLOCK_BYTES = 180
-- BITFIELD writes at most 63 unsigned bits at once.
local FIELD_BITS = 63
local prefix, id = ARGV[1], ARGV[2]
local now = redis_ms()
local hold = read_hold(KEYS[1], now)

-- Clearing bits is right only where nothing but clearing has happened since that pin, which came before the commit. Else
-- the bitmaps may tell of something later than the commit (a cancellation, say): they are dropped, and filled anew.
local seen = {}
for staff_day, dropped in string.gmatch(ARGV[8], '(%S+):(%d+)') do
    seen[staff_day] = tonumber(dropped)
end

local function clear_bits(key, lane, first, last)
    local bit, stop = lane * DAY + first, lane * DAY + last
    while bit < stop do
        local width = math.min(FIELD_BITS, stop - bit)
        redis.call('BITFIELD', key, 'SET', 'u' .. width, bit, 0)
        bit = bit + width
    end
end

each_claim(ARGV[7], function(resource, lane, first_minute, end_minute)
    each_day(first_minute, end_minute, function(day, first, last)
        local staff_day = resource .. ':' .. day
        local key, version_key = prefix .. 'clear:' .. staff_day, prefix .. 'version:' .. staff_day
        local whole = redis.call('STRLEN', key) >= (lane + 1) * BLOCK_BYTES
        local dropped = version_parts(redis.call('GET', version_key))
        if whole and seen[staff_day] == dropped then
            clear_bits(key, lane, first, last)
        else
            redis.call('DEL', key)
        end
        bump_taken(version_key)
    end)
end)
if hold then
    leave_lists(prefix, id, hold, now)
    redis.call('HSET', KEYS[1], 'state', 'confirmed', 'appointment', ARGV[3])
    redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
if ARGV[4] ~= '' then redis.call('SET', prefix .. 'operation:' .. ARGV[4], '1', 'PX', ARGV[5]) end
return {'SETTLED'}
