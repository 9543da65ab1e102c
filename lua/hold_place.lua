-- Place a hold on the first candidate whose claims are all clear and not held by anybody else: all of them, or nothing.
--
-- KEYS[1]  hold:<hold>, the record of the new hold
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the new hold; while a hold of this id lives or is confirmed, the answer is SAME and nothing changes
-- ARGV[3]  version of the catalogue the candidates were worked out from
-- ARGV[4]  life, ms
-- ARGV[5]  longest total life, ms
-- ARGV[6]  how long the record is kept after it expired, ms
-- ARGV[7]  digest of the client, or ''
-- ARGV[8]  most live holds of that client
-- ARGV[9]  fingerprint of what is asked for: the client's live hold with the same one is given back
-- ARGV[10] id of the hold that this one replaces, or ''
-- ARGV[11] state of the new hold: held, or pinned when a confirmation follows at once
-- ARGV[12] body, kept as it is
-- ARGV[13] claims of the caller's own appointment, "<resource>:<lane>:<start>:<end> …": their minutes count as clear,
--          so that an appointment may be moved by less than its length
-- ARGV[14] number of candidates
-- ARGV[15]… for each candidate, best first:
--            choice (kept as it is), number of claims, and for each claim:
--            resource, its lanes in the bitmap, its lanes on offer, lanes wanted, first minute, end minute; where it
--            has lanes beyond those on offer, what is taken there takes up a place each of those on offer
--
-- {PLACED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue}
--   if it is placed pinned, also seen: see hold_pin
-- {REPLACED, …}  as PLACED: another live hold was given up for it
-- {SAME, …}     as PLACED without seen: the caller already has this hold
-- {STALE}       the catalogue changed: work out the candidates again
-- {MISS, resource, day, …}  these bitmaps are not cached: fill them and call again
-- {LIMIT}       the client has as many live holds as it may
-- {REPLACING, …}  as SAME: the hold to be replaced is just being confirmed
-- {HELD, ms}    every candidate is taken, at least one only by a hold, the first of which ends in that time
-- {TAKEN, by}   every candidate is taken: by claims, or by time_off where all of them have some
--
-- Writes the record, live, held:* and client:* lists, absent version:*; takes the replaced hold out of them. Nothing unless
-- PLACED or REPLACED.
-- Cost: candidates tried × lanes × days touched, and the entries of the lists read. Where a lane beyond those on offer is
-- not clear, also the claims and holds on all lanes in the minutes claimed, and those minutes: once when there is room,
-- else up to 2 + log2(holds) times.

--@include shared/days
--@include shared/entries
--@include shared/holds

local BLOCK_BYTES = 180
-- The block before those of the lanes.
local TIME_OFF = 0
local prefix, id, replaces = ARGV[1], ARGV[2], ARGV[10]
local now = redis_ms()

local own = read_hold(KEYS[1], now)
if own and (own.state == 'confirmed' or own.deadline > now) then return hold_reply('SAME', prefix, id, own, now) end
if redis.call('GET', prefix .. 'catalogue') ~= ARGV[3] then return {'STALE'} end

-- What the client has.
local client, live, same = ARGV[7], 0, nil
if client ~= '' then
    each_live(redis.call('GET', prefix .. 'client:' .. client), now, function(entry, other)
        if other ~= replaces then
            live = live + 1
            if string.match(entry, '^[^:]+:(.*):%d+$') == ARGV[9] then same = other end
        end
    end)
end
if same then
    local hold = read_hold(prefix .. 'hold:' .. same, now)
    if hold and hold.deadline > now then return hold_reply('SAME', prefix, same, hold, now) end
end
local replaced = nil
if replaces ~= '' then
    replaced = read_hold(prefix .. 'hold:' .. replaces, now)
    if replaced and replaced.state == 'pinned' then
        return hold_reply('REPLACING', prefix, replaces, replaced, now)
    end
    if replaced and replaced.state == 'confirmed' then replaced = nil end
end
if client ~= '' and live >= tonumber(ARGV[8]) then return {'LIMIT'} end

-- Each list is read once, however many candidates look at it.
local lists = {}
local function others(resource, day)
    local key = prefix .. 'held:' .. resource .. ':' .. day
    if not lists[key] then
        local found = {}
        each_live(redis.call('GET', key), now, function(entry, other, deadline)
            if other ~= replaces then
                local lane, first, last = string.match(entry, '^[^:]+:(%d+):(%d+):(%d+):')
                found[#found + 1] = {lane = tonumber(lane), first = tonumber(first), last = tonumber(last),
                    deadline = deadline}
            end
        end)
        lists[key] = found
    end
    return lists[key]
end

-- The caller's own claims: minutes of a lane and day that are free for the caller, whatever the bitmap says of them.
local mine = {}
each_claim(ARGV[13], function(resource, lane, first_minute, end_minute)
    each_day(first_minute, end_minute, function(day, first, last)
        local key = prefix .. 'clear:' .. resource .. ':' .. day
        mine[key] = mine[key] or {}
        table.insert(mine[key], {lane = lane, first = first, last = last})
    end)
end)

local function is_clear(key, lane, first, last)
    local offset = lane * DAY
    local clear = redis.call('BITCOUNT', key, offset + first, offset + last - 1, 'BIT')
    for _, claim in ipairs(mine[key] or {}) do
        local from, to = math.max(claim.first, first), math.min(claim.last, last)
        if claim.lane == lane and from < to then
            clear = clear + (to - from) - redis.call('BITCOUNT', key, offset + from, offset + to - 1, 'BIT')
        end
    end
    return clear == last - first
end

local function is_clear_throughout(claim, lane)
    local clear = true
    each_day(claim.first, claim.last, function(day, first, last)
        clear = clear and is_clear(prefix .. 'clear:' .. claim.resource .. ':' .. day, lane, first, last)
    end)
    return clear
end

-- Calls visit(first, last) for each piece of minutes that are not the caller's own.
local function each_not_mine(key, lane, first, last, visit)
    for _, claim in ipairs(mine[key] or {}) do
        if claim.lane == lane and claim.first < last and first < claim.last then
            if first < claim.first then each_not_mine(key, lane, first, claim.first, visit) end
            if claim.last < last then each_not_mine(key, lane, claim.last, last, visit) end
            return
        end
    end
    visit(first, last)
end

-- Calls visit(first, last) for each run of minutes of a day in which a lane is not clear.
local function each_taken(key, lane, first, last, visit)
    local offset, from = lane * DAY, first
    while from < last do
        local start = redis.call('BITPOS', key, 0, offset + from, offset + last - 1, 'BIT') - offset
        if start < from then return end
        local stop = redis.call('BITPOS', key, 1, offset + start, offset + last - 1, 'BIT') - offset
        from = stop > start and stop or last
        each_not_mine(key, lane, start, from, visit)
    end
end

-- What is taken of each lane of a claim's resource, in order: by claims and `chosen` for good, by holds until `deadline`.
local function taken_by_lane(claim, chosen)
    local lanes = {}
    for lane = 1, claim.lanes do lanes[lane] = {} end
    each_day(claim.first, claim.last, function(day, first, last)
        local midnight, staff_day = day * DAY, claim.resource .. ':' .. day
        for lane, spans in ipairs(lanes) do
            each_taken(prefix .. 'clear:' .. staff_day, lane, first, last, function(from, to)
                spans[#spans + 1] = {first = midnight + from, last = midnight + to, deadline = math.huge}
            end)
        end
        for _, other in ipairs(others(claim.resource, day)) do
            if lanes[other.lane] and other.first < claim.last and claim.first < other.last then
                table.insert(lanes[other.lane], other)
            end
        end
    end)
    for _, taken in ipairs(chosen) do
        if taken.resource == claim.resource then
            table.insert(lanes[taken.lane], {first = taken.first, last = taken.last, deadline = math.huge})
        end
    end
    for _, spans in ipairs(lanes) do
        table.sort(spans, function(one, other) return one.first < other.first end)
    end
    return lanes
end

-- Whether at no minute more lanes are taken than are on offer, with those wanted and without holds that end by `ended`.
local function has_room(claim, lanes, ended)
    local change = {}
    for _, spans in ipairs(lanes) do
        local from = claim.first
        for _, span in ipairs(spans) do
            local first, last = math.max(span.first, from), math.min(span.last, claim.last)
            if span.deadline > ended and first < last then
                change[first] = (change[first] or 0) + 1
                change[last] = (change[last] or 0) - 1
                from = last
            end
        end
    end
    local taken = claim.wanted
    for minute = claim.first, claim.last - 1 do
        taken = taken + (change[minute] or 0)
        if taken > claim.offered then return false end
    end
    return true
end

-- When there is room for a claim beside what is on lanes beyond those on offer: 0 for now, nil for never, else the deadline
-- of a hold. While nothing is on them, as many as are wanted of the lanes on offer being free says that there is.
local function room_from(claim, chosen, held)
    local free = true
    for lane = claim.offered + 1, claim.lanes do
        free = free and not held[lane] and is_clear_throughout(claim, lane)
    end
    if free then return 0 end
    local lanes, ends = taken_by_lane(claim, chosen), {}
    if has_room(claim, lanes, 0) then return 0 end
    for _, spans in ipairs(lanes) do
        for _, span in ipairs(spans) do
            if span.deadline < math.huge then ends[#ends + 1] = span.deadline end
        end
    end
    table.sort(ends)
    if #ends == 0 or not has_room(claim, lanes, ends[#ends]) then return nil end
    local low, high = 1, #ends
    while low < high do
        local middle = math.floor((low + high) / 2)
        if has_room(claim, lanes, ends[middle]) then high = middle else low = middle + 1 end
    end
    return ends[low]
end

local missing, missing_seen, soonest = {}, {}, nil

-- The lanes for one claim, or nil; `chosen` are the claims of this candidate so far.
local function lanes_for(claim, chosen)
    local absent, held, busy = false, {}, {}
    each_day(claim.first, claim.last, function(day)
        local key = prefix .. 'clear:' .. claim.resource .. ':' .. day
        if redis.call('STRLEN', key) ~= (claim.lanes + 1) * BLOCK_BYTES then
            absent = true
            if not missing_seen[key] then
                missing_seen[key] = true
                missing[#missing + 1] = claim.resource
                missing[#missing + 1] = integer(day)
            end
        end
        for _, other in ipairs(others(claim.resource, day)) do
            if other.first < claim.last and claim.first < other.last then
                held[other.lane] = math.max(held[other.lane] or 0, other.deadline)
            end
        end
    end)
    if absent then return nil end
    for _, taken in ipairs(chosen) do
        if taken.resource == claim.resource and taken.first < claim.last and claim.first < taken.last then
            busy[taken.lane] = true
        end
    end
    local lanes, waits = {}, {}
    for lane = 1, claim.offered do
        local clear = not busy[lane] and is_clear_throughout(claim, lane)
        if clear and held[lane] then
            waits[#waits + 1] = held[lane]
        elseif clear then
            lanes[#lanes + 1] = lane
            if #lanes == claim.wanted then break end
        end
    end
    if #lanes + #waits < claim.wanted then return nil end
    local room = room_from(claim, chosen, held)
    if #lanes == claim.wanted and room == 0 then return lanes end
    -- Were the holds to end, the claim could be met: then it is held, otherwise it is taken.
    table.sort(waits)
    return nil, room and math.max(waits[claim.wanted - #lanes] or 0, room)
end

local function has_time_off(claims)
    for _, claim in ipairs(claims) do
        if not is_clear_throughout(claim, TIME_OFF) then return true end
    end
    return false
end

-- The first candidate all of whose claims find their lanes.
local position, choice, chosen, taken_by = 15, nil, nil, 'time_off'
for _ = 1, tonumber(ARGV[14]) do
    local label, count = ARGV[position], tonumber(ARGV[position + 1])
    position = position + 2
    local claims, found, possible, wait = {}, {}, true, nil
    for _ = 1, count do
        local claim = {
            resource = ARGV[position], lanes = tonumber(ARGV[position + 1]), offered = tonumber(ARGV[position + 2]),
            wanted = tonumber(ARGV[position + 3]), first = tonumber(ARGV[position + 4]),
            last = tonumber(ARGV[position + 5])
        }
        position = position + 6
        claims[#claims + 1] = claim
        if possible then
            local lanes, until_ms = lanes_for(claim, found)
            if lanes then
                for _, lane in ipairs(lanes) do
                    found[#found + 1] = {resource = claim.resource, lane = lane, first = claim.first, last = claim.last}
                end
            elseif until_ms then
                -- Held, not taken: the rest may still turn out to be taken.
                wait = math.max(wait or 0, until_ms)
            else
                possible = false
            end
        end
    end
    if not possible and not has_time_off(claims) then taken_by = 'claims' end
    if #missing == 0 and possible and wait then soonest = math.min(soonest or wait, wait) end
    if possible and not wait then
        choice, chosen = label, found
        break
    end
end

if #missing > 0 then
    table.insert(missing, 1, 'MISS')
    return missing
end
if not chosen then
    if soonest then return {'HELD', integer(soonest - now)} end
    return {'TAKEN', taken_by}
end

local claims = {}
for _, claim in ipairs(chosen) do
    claims[#claims + 1] = table.concat({claim.resource, claim.lane, claim.first, claim.last}, ':')
end
local hold = {
    state = ARGV[11], deadline = now + tonumber(ARGV[4]), limit = now + tonumber(ARGV[5]), client = client,
    fingerprint = ARGV[9], body = ARGV[12], choice = choice, claims = table.concat(claims, ' '), appointment = ''
}
if replaced then
    leave_lists(prefix, replaces, replaced, now)
    redis.call('DEL', prefix .. 'hold:' .. replaces)
end
if own then
    leave_lists(prefix, id, own, now)
    redis.call('DEL', KEYS[1])
    -- It expired, and may not have been noticed yet: it will be by another name, for it lives once more by its own.
    if redis.call('ZREM', prefix .. 'live', id) == 1 then
        redis.call('ZADD', prefix .. 'live', integer(own.deadline), id .. ' ' .. integer(own.deadline))
    end
end
forget_unreported(prefix, now)
redis.call('HSET', KEYS[1], 'limit', integer(hold.limit), 'client', client, 'fingerprint', hold.fingerprint, 'body',
    hold.body, 'choice', choice, 'claims', hold.claims, 'pinned_until', integer(hold.deadline))
set_deadline(prefix, KEYS[1], id, hold, hold.deadline, now, tonumber(ARGV[6]))
local reply = hold.state == 'pinned' and pinned_reply or hold_reply
local gave_up = replaced and replaced.deadline > now
return reply(gave_up and 'REPLACED' or 'PLACED', prefix, id, hold, now)
