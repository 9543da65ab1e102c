-- Turn holds into taken minutes, after Postgres has committed their appointments in one transaction: at no instant is a slot
-- neither held nor taken. A fill that was read before the commit is refused from here on, because the versions change.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  the commit that wrote them: the invalidator passes over rows of a settled commit; '' for none
-- ARGV[3]  how long that is remembered, ms
-- ARGV[4]  how long a record is kept to answer a second confirmation, ms
-- ARGV[5]… for each hold: its id, its appointment's id,
--            claims as committed, as in a record (shared/holds.lua): they count, also when the record is gone,
--            bitmap_versions of the attempt that committed, as hold_pin or hold_place replied; '' for none
--
-- {SETTLED}
--
-- Clears bits in clear:* or deletes it, changes version:*, the records, taken:* of those whose visitor proved a contact, live, held:* and client:* lists, writes
-- operation:<commit>, also where memory is short. Cost: claims, days touched, and the entries of the lists the holds
-- stand in. Safe to repeat.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory
--@include shared/shares

local prefix, commit, commit_kept_ms, retention_ms = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local position = 5

local BLOCK_BYTES = 180
-- BITFIELD writes at most 63 unsigned bits at once. From so many on, whole bytes are written by SETRANGE.
local FIELD_BITS, RANGE_BITS = 63, 256
-- Arguments of one BITFIELD: Lua hands over no more than some thousands.
local MOST_ARGUMENTS = 2000
local now = redis_ms()

-- Clears the runs of bits, {first, stop}: those of many lanes by few commands.
local function clear_runs(key, runs)
    local fields, length = {}, 0
    local function write_fields()
        if length > 0 then redis.call('BITFIELD', key, unpack(fields, 1, length)) end
        length = 0
    end
    local function clear(bit, stop)
        while bit < stop do
            local width = math.min(FIELD_BITS, stop - bit)
            fields[length + 1], fields[length + 2], fields[length + 3], fields[length + 4] = 'set', 'u' .. width, bit, 0
            length, bit = length + 4, bit + width
            if length >= MOST_ARGUMENTS then write_fields() end
        end
    end
    for _, run in ipairs(runs) do
        local from, to = math.ceil(run.first / 8) * 8, math.floor(run.stop / 8) * 8
        if to - from >= RANGE_BITS then
            clear(run.first, from)
            local zeros = string.rep('\0', (to - from) / 8)
            redis.call('SETRANGE', key, from / 8, zeros)
            clear(to, run.stop)
        else
            clear(run.first, run.stop)
        end
    end
    write_fields()
end

-- What the claims take of each staff-day: runs of bits in its bitmaps, and the last lane. Lanes that follow each other
-- and are taken from midnight to midnight are one run.
local function taken_by(claims)
    local days = {}
    each_claim(claims, function(resource, lane, first_minute, end_minute, session)
        each_day(first_minute, end_minute, function(day, first, last)
            local staff_day = resource .. ':' .. day
            local taken = days[staff_day]
            if not taken then
                taken = {last_lane = 0, runs = {}, sessions = {}, is_apart = false}
                days[staff_day] = taken
            end
            local runs, bit = taken.runs, lane * DAY + first
            local run = runs[#runs]
            if run and run.stop == bit then
                run.stop = lane * DAY + last
            else
                runs[#runs + 1] = {first = bit, stop = lane * DAY + last}
            end
            taken.last_lane = math.max(taken.last_lane, lane)
            if session == '' then
                taken.is_apart = true
            else
                taken.sessions[session .. ':' .. first_minute .. ':' .. end_minute .. ' '] = true
            end
        end)
    end)
    return days
end

-- Tells whether nothing but minutes is news to the value: on an exclusive resource, whose values are not whole blocks, for
-- whoever comes after the first of a session (availability.state.encoding).
local function has_sessions(key, length, taken)
    if length % BLOCK_BYTES == 0 then return next(taken.sessions) == nil end
    if taken.is_apart then return false end
    local value = redis.call('GET', key)
    for session in pairs(taken.sessions) do
        if not string.find(value, session, 1, true) then return false end
    end
    return true
end

-- Clearing bits is right only where nothing but clearing has happened since that pin, which came before the commit. Else
-- the bitmaps may tell of something later than the commit (a cancellation, say): they are dropped, and filled anew.
local function take(claims, bitmap_versions)
    local dropped_when_pinned = {}
    for staff_day, dropped in string.gmatch(bitmap_versions, '(%S+):(%d+)') do
        dropped_when_pinned[staff_day] = tonumber(dropped)
    end
    for staff_day, taken in pairs(taken_by(claims)) do
        local key, version_key = prefix .. 'clear:' .. staff_day, prefix .. 'version:' .. staff_day
        local length = redis.call('STRLEN', key)
        local whole = length >= (taken.last_lane + 1) * BLOCK_BYTES and has_sessions(key, length, taken)
        local dropped = version_parts(redis.call('GET', version_key))
        if whole and dropped_when_pinned[staff_day] == dropped then
            clear_runs(key, taken.runs)
        else
            drop_bitmaps(prefix, staff_day)
        end
        bump_taken(version_key)
    end
end

go_on_without_memory(prefix .. 'catalogue')
while ARGV[position] do
    local id, key = ARGV[position], prefix .. 'hold:' .. ARGV[position]
    local hold = read_hold(key, now)
    take(ARGV[position + 2], ARGV[position + 3])
    if hold then
        leave_lists(prefix, id, hold, now)
        if hold.proof ~= '' then give_back(prefix, key) end
        redis.call('HSET', key, 'state', 'confirmed', 'appointment', ARGV[position + 1])
        redis.call('PEXPIRE', key, retention_ms)
    end
    position = position + 4
end
if commit ~= '' then redis.call('SET', prefix .. 'operation:' .. commit, '1', 'PX', commit_kept_ms) end
return {'SETTLED'}
