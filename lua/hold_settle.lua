-- Turn holds into taken minutes, after Postgres has committed their appointments in one transaction: at no instant is a slot
-- neither held nor taken. A fill that was read before the commit is refused from here on, because the versions change.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  the commit that wrote them: the invalidator passes over rows of a settled commit; '' for none
-- ARGV[3]  how long that is remembered, ms
-- ARGV[4]  how long a record is kept to answer a second confirmation, ms
-- ARGV[5]… for each hold: its id, its appointment's id,
--            claims as committed, "<resource>:<lane>:<start>:<end> …": they count, also when the record is gone,
--            bitmap_versions of the attempt that committed, as hold_pin or hold_place replied; '' for none
--
-- {SETTLED}
--
-- Clears bits in clear:* or deletes it, changes version:*, the records, live, held:* and client:* lists, writes
-- operation:<commit>. Cost: days touched, and the entries of the lists the holds stand in. Safe to repeat.

--@include shared/days
--@include shared/entries
--@include shared/holds

local prefix, commit, commit_kept_ms, retention_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local position = 5

local BLOCK_BYTES = 180
-- BITFIELD writes at most 63 unsigned bits at once.
local FIELD_BITS = 63
local now = redis_ms()

local function clear_bits(key, lane, first, last)
    local bit, stop = lane * DAY + first, lane * DAY + last
    while bit < stop do
        local width = math.min(FIELD_BITS, stop - bit)
        redis.call('BITFIELD', key, 'SET', 'u' .. width, bit, 0)
        bit = bit + width
    end
end

-- Clearing bits is right only where nothing but clearing has happened since that pin, which came before the commit. Else
-- the bitmaps may tell of something later than the commit (a cancellation, say): they are dropped, and filled anew.
local function take(claims, bitmap_versions)
    local dropped_when_pinned = {}
    for staff_day, dropped in string.gmatch(bitmap_versions, '(%S+):(%d+)') do
        dropped_when_pinned[staff_day] = tonumber(dropped)
    end
    each_claim(claims, function(resource, lane, first_minute, end_minute)
        each_day(first_minute, end_minute, function(day, first, last)
            local staff_day = resource .. ':' .. day
            local key, version_key = prefix .. 'clear:' .. staff_day, prefix .. 'version:' .. staff_day
            local whole = redis.call('STRLEN', key) >= (lane + 1) * BLOCK_BYTES
            local dropped = version_parts(redis.call('GET', version_key))
            if whole and dropped_when_pinned[staff_day] == dropped then
                clear_bits(key, lane, first, last)
            else
                redis.call('DEL', key)
            end
            bump_taken(version_key)
        end)
    end)
end

while ARGV[position] do
    local id, key = ARGV[position], prefix .. 'hold:' .. ARGV[position]
    local hold = read_hold(key, now)
    take(ARGV[position + 2], ARGV[position + 3])
    if hold then
        leave_lists(prefix, id, hold, now)
        redis.call('HSET', key, 'state', 'confirmed', 'appointment', ARGV[position + 1])
        redis.call('PEXPIRE', key, retention_ms)
    end
    position = position + 4
end
if commit ~= '' then redis.call('SET', prefix .. 'operation:' .. commit, '1', 'PX', commit_kept_ms) end
return {'SETTLED'}
