-- The search for free lanes: lanes of a resource that no appointment, no hold and no other claim of the candidate is on.
--   claim   {resource, lane_count, capacity, count, first, last, allows_pieces, session}: so many (`count`) of the lanes 1
--           to `capacity`, from minute `first` until minute `last`; the bitmap has `lane_count` lanes. Those beyond the
--           capacity are not on offer any more, but what is taken there takes up a place each of those that are.
--           With allows_pieces, minutes of several lanes will do where too few lanes are free all along.
--           With a session (else ''), no minute may be taken by another one, on whatever lane
--   chosen  {resource, lane, first, last, session} for each lane, or piece of one, that the candidate's claims have been
--           given
--   span    {lane, first, last, deadline, session}: minutes that are taken, by a hold until its deadline (ms), else for
--           good; of a hold that gives way also gives_way, its id: it takes nothing, and has to end where it is in the way

local BLOCK_BYTES = 180
-- The block before those of the lanes.
local TIME_OFF = 0
-- What follows the blocks of an exclusive resource begins with it, see availability.state.encoding.
local SESSIONS = '['

-- `own_claims`: minutes that count as clear, and sessions that end without them; `ignored`: id of a hold that is in
-- nobody's way; `overrides`: whether holds that are not pinned give way.
local function new_search(prefix, now, own_claims, ignored, overrides)
    local own, own_sessions = {}, {}
    each_claim(own_claims, function(resource, lane, first_minute, end_minute, session)
        own_sessions[resource .. ':' .. session] = true
        each_day(first_minute, end_minute, function(day, first, last)
            local key = prefix .. 'clear:' .. resource .. ':' .. day
            own[key] = own[key] or {}
            table.insert(own[key], {lane = lane, first = first, last = last})
        end)
    end)
    return {
        prefix = prefix, now = now, ignored = ignored, overrides = overrides, own = own, own_sessions = own_sessions,
        keys = {}, holds = {}, missing = {}, is_missing = {}, crowded = {}
    }
end

-- The key of a staff-day's bitmaps. Each is spelled once, however many lanes and candidates look at it.
local function clear_key(search, resource, day)
    local keys = search.keys[resource]
    if not keys then
        keys = {}
        search.keys[resource] = keys
    end
    local key = keys[day]
    if not key then
        key = search.prefix .. 'clear:' .. resource .. ':' .. day
        keys[day] = key
    end
    return key
end

-- The id, if the hold gives way: a hold whose record is lost does not, for nobody could be told of its end.
local function giving_way(search, id)
    local hold = search.overrides and read_hold(search.prefix .. 'hold:' .. id, search.now)
    return hold and hold.state == 'held' and id or nil
end

-- The spans of the live holds on a staff-day. Each list is read once, however many candidates look at it.
local function holds_on(search, resource, day)
    local key = clear_key(search, resource, day)
    local spans = search.holds[key]
    if not spans then
        spans = {}
        each_live(redis.call('GET', search.prefix .. 'held:' .. resource .. ':' .. day), search.now, function(entry, id, deadline)
            if id ~= search.ignored then
                local lane, first, last, rest = string.match(entry, '^[^:]+:(%d+):(%d+):(%d+):(%S+)$')
                if lane then
                    spans[#spans + 1] = {lane = tonumber(lane), first = tonumber(first), last = tonumber(last),
                        deadline = deadline, session = string.match(rest, '^(%S+):') or '',
                        gives_way = giving_way(search, id)}
                end
            end
        end)
        search.holds[key] = spans
    end
    return spans
end

-- Tells whether the bitmaps of the staff-day are cached, with sessions if it has any; absent ones are noted.
local function has_bitmaps(search, claim, day)
    local key, length = clear_key(search, claim.resource, day), (claim.lane_count + 1) * BLOCK_BYTES
    local whole
    if claim.session == '' then
        whole = redis.call('STRLEN', key) == length
    else
        whole = redis.call('GETRANGE', key, length, length) == SESSIONS
    end
    if whole then return true end
    if not search.is_missing[key] then
        search.is_missing[key] = true
        table.insert(search.missing, claim.resource)
        table.insert(search.missing, integer(day))
    end
    return false
end

local function is_clear(search, key, lane, first, last)
    local offset = lane * DAY
    local clear = redis.call('BITCOUNT', key, offset + first, offset + last - 1, 'BIT')
    for _, own in ipairs(search.own[key] or {}) do
        local from, to = math.max(own.first, first), math.min(own.last, last)
        if own.lane == lane and from < to then
            clear = clear + (to - from) - redis.call('BITCOUNT', key, offset + from, offset + to - 1, 'BIT')
        end
    end
    return clear == last - first
end

local function is_clear_throughout(search, claim, lane)
    local clear = true
    each_day(claim.first, claim.last, function(day, first, last)
        clear = clear and is_clear(search, clear_key(search, claim.resource, day), lane, first, last)
    end)
    return clear
end

local function has_time_off(search, claims)
    for _, claim in ipairs(claims) do
        if not is_clear_throughout(search, claim, TIME_OFF) then return true end
    end
    return false
end

-- Calls visit(first, last) for each piece of minutes that are not the caller's own.
local function each_not_own(search, key, lane, first, last, visit)
    for _, own in ipairs(search.own[key] or {}) do
        if own.lane == lane and own.first < last and first < own.last then
            if first < own.first then each_not_own(search, key, lane, first, own.first, visit) end
            if own.last < last then each_not_own(search, key, lane, own.last, last, visit) end
            return
        end
    end
    visit(first, last)
end

-- Calls visit(first, last) for each run of minutes of a day in which a lane is not clear.
local function each_taken(search, key, lane, first, last, visit)
    local offset, from = lane * DAY, first
    while from < last do
        local start = redis.call('BITPOS', key, 0, offset + from, offset + last - 1, 'BIT') - offset
        if start < from then return end
        local stop = redis.call('BITPOS', key, 1, offset + start, offset + last - 1, 'BIT') - offset
        from = stop > start and stop or last
        each_not_own(search, key, lane, start, from, visit)
    end
end

-- The spans of each lane of a claim's resource, in order.
local function spans_by_lane(search, claim, chosen)
    local lanes = {}
    for lane = 1, claim.lane_count do lanes[lane] = {} end
    each_day(claim.first, claim.last, function(day, first, last)
        local midnight, key = day * DAY, clear_key(search, claim.resource, day)
        for lane, spans in ipairs(lanes) do
            each_taken(search, key, lane, first, last, function(from, to)
                spans[#spans + 1] = {first = midnight + from, last = midnight + to, deadline = math.huge}
            end)
        end
        for _, hold in ipairs(holds_on(search, claim.resource, day)) do
            if lanes[hold.lane] and hold.first < claim.last and claim.first < hold.last then
                table.insert(lanes[hold.lane], hold)
            end
        end
    end)
    for _, lane in ipairs(chosen) do
        if lane.resource == claim.resource then
            table.insert(lanes[lane.lane], {first = lane.first, last = lane.last, deadline = math.huge})
        end
    end
    for _, spans in ipairs(lanes) do
        table.sort(spans, function(left, right) return left.first < right.first end)
    end
    return lanes
end

-- Tells whether at no minute more lanes are taken than the capacity, the claim's among them, after the holds that end by
-- `deadline`.
local function has_room(claim, lanes, deadline)
    local change = {}
    for _, spans in ipairs(lanes) do
        local from = claim.first
        for _, span in ipairs(spans) do
            local first, last = math.max(span.first, from), math.min(span.last, claim.last)
            if span.deadline > deadline and first < last and not span.gives_way then
                change[first] = (change[first] or 0) + 1
                change[last] = (change[last] or 0) - 1
                from = last
            end
        end
    end
    local taken = claim.count
    for minute = claim.first, claim.last - 1 do
        taken = taken + (change[minute] or 0)
        if taken > claim.capacity then return false end
    end
    return true
end

-- When there is room for a claim beside the spans of all lanes: 0 for now, nil for never, else the deadline of a hold.
local function room_beside(claim, lanes)
    if has_room(claim, lanes, 0) then return 0 end
    local deadlines = {}
    for _, spans in ipairs(lanes) do
        for _, span in ipairs(spans) do
            if span.deadline < math.huge and not span.gives_way then deadlines[#deadlines + 1] = span.deadline end
        end
    end
    table.sort(deadlines)
    if #deadlines == 0 or not has_room(claim, lanes, deadlines[#deadlines]) then return nil end
    local low, high = 1, #deadlines
    while low < high do
        local middle = math.floor((low + high) / 2)
        if has_room(claim, lanes, deadlines[middle]) then high = middle else low = middle + 1 end
    end
    return deadlines[low]
end

-- Tells whether the lanes beyond the capacity are empty in the minutes of a claim; those of others are noted as crowded.
local function is_empty_beyond(search, claim, held, yielding)
    local empty = true
    for lane = claim.capacity + 1, claim.lane_count do
        empty = empty and not held[lane] and not yielding[lane] and is_clear_throughout(search, claim, lane)
    end
    if not empty then search.crowded[claim.resource] = true end
    return empty
end

-- When there is room for a claim beside what is on lanes beyond the capacity, as room_beside says. While those are empty,
-- there is room wherever enough of the lanes on offer are free.
local function room_from(search, claim, chosen, held, yielding)
    if is_empty_beyond(search, claim, held, yielding) then return 0 end
    return room_beside(claim, spans_by_lane(search, claim, chosen))
end

-- Until when a lane with these spans is free from a minute on; nil where it is not. `past_holds`: whether holds give way.
local function free_until(spans, minute, stop, past_holds)
    for _, span in ipairs(spans) do
        if not (past_holds and span.gives_way) then
            if span.first <= minute and minute < span.last then return nil end
            if span.first > minute then stop = math.min(stop, span.first) end
        end
    end
    return stop
end

-- The lane that is free the longest from a minute on, the first of those, and until when: without `busy` ones, and without
-- those whose holds give way while there are others.
local function longest_free(claim, lanes, minute, busy)
    for _, past_holds in ipairs({false, true}) do
        local longest, stop = nil, minute
        for lane = 1, claim.capacity do
            local free = not busy[lane] and free_until(lanes[lane], minute, claim.last, past_holds)
            if free and free > stop then longest, stop = lane, free end
        end
        if longest then return longest, stop end
    end
end

-- Covers the minutes of a claim with pieces of lanes, few of them, where there is room for it: where a piece ends, its
-- place goes on with the lane that is free the longest.
local function cut(claim, lanes)
    local pieces, places = {}, {}
    for number = 1, claim.count do places[number] = {last = claim.first} end
    while true do
        local next_place, busy = places[1], {}
        for _, place in ipairs(places) do
            if place.last < next_place.last then next_place = place end
        end
        local minute = next_place.last
        if minute >= claim.last then return pieces end
        for _, place in ipairs(places) do
            if place.last > minute then busy[place.lane] = true end
        end
        local lane, stop = longest_free(claim, lanes, minute, busy)
        next_place.last = stop
        if next_place.lane == lane then
            next_place.piece.last = stop
        else
            next_place.lane = lane
            next_place.piece = {resource = claim.resource, lane = lane, first = minute, last = stop, session = ''}
            pieces[#pieces + 1] = next_place.piece
        end
    end
end

-- Pieces of lanes for one claim. Else nil, and where only holds are in the way, when there will be room.
local function pieces_for(search, claim, chosen, held, yielding)
    is_empty_beyond(search, claim, held, yielding)
    local lanes = spans_by_lane(search, claim, chosen)
    local room = room_beside(claim, lanes)
    if room ~= 0 then return nil, room end
    return cut(claim, lanes)
end

-- The deadline of the last hold on each lane in the minutes of a claim, and the lanes whose holds give way; nil where
-- bitmaps are missing.
local function held_lanes(search, claim)
    local held, yielding, complete = {}, {}, true
    each_day(claim.first, claim.last, function(day)
        complete = has_bitmaps(search, claim, day) and complete
        for _, hold in ipairs(holds_on(search, claim.resource, day)) do
            if hold.first < claim.last and claim.first < hold.last then
                if hold.gives_way then
                    yielding[hold.lane] = true
                else
                    held[hold.lane] = math.max(held[hold.lane] or 0, hold.deadline)
                end
            end
        end
    end)
    return complete and held or nil, yielding
end

-- When no other session is in the minutes of a claim: 0 for now, nil for never, else the deadline of a hold.
local function free_of_sessions(search, claim)
    local free_from = 0
    each_day(claim.first, claim.last, function(day)
        local key, length = clear_key(search, claim.resource, day), (claim.lane_count + 1) * BLOCK_BYTES
        local sessions = redis.call('GETRANGE', key, length + #SESSIONS, -1)
        for session, first, last in string.gmatch(sessions, '(%S+):(%d+):(%d+)') do
            local meets = tonumber(first) < claim.last and claim.first < tonumber(last)
            if meets and session ~= claim.session and not search.own_sessions[claim.resource .. ':' .. session] then
                free_from = nil
            end
        end
        for _, hold in ipairs(holds_on(search, claim.resource, day)) do
            local meets = hold.first < claim.last and claim.first < hold.last
            if free_from and meets and hold.session ~= claim.session and not hold.gives_way then
                free_from = math.max(free_from, hold.deadline)
            end
        end
    end)
    return free_from
end

-- The lanes for one claim, or pieces of them. Else nil, and where only holds are in the way, when the last of them ends.
local function lanes_for(search, claim, chosen)
    local held, yielding = held_lanes(search, claim)
    if not held then return nil end
    local lanes, waits, used = {}, {}, {}
    for _, lane in ipairs(chosen) do
        if lane.resource == claim.resource and lane.first < claim.last and claim.first < lane.last then
            used[lane.lane] = true
        end
    end
    local function choose(others_give_way)
        for lane = 1, claim.capacity do
            if #lanes == claim.count then return end
            local clear = yielding[lane] == others_give_way and not used[lane] and is_clear_throughout(search, claim, lane)
            if clear and held[lane] then
                waits[#waits + 1] = held[lane]
            elseif clear then
                lanes[#lanes + 1] = {resource = claim.resource, lane = lane, first = claim.first, last = claim.last,
                    session = claim.session}
            end
        end
    end
    -- No hold gives way for a lane while another one is free.
    choose(nil)
    if next(yielding) then choose(true) end
    if #lanes < claim.count and claim.allows_pieces then return pieces_for(search, claim, chosen, held, yielding) end
    if #lanes + #waits < claim.count then return nil end
    local room = room_from(search, claim, chosen, held, yielding)
    if #lanes == claim.count and room == 0 then return lanes end
    table.sort(waits)
    return nil, room and math.max(waits[claim.count - #lanes] or 0, room)
end

-- The same, but where places are not booked apart from each other only beside others of the same session.
local function lanes_in_session(search, claim, chosen)
    local lanes, wait = lanes_for(search, claim, chosen)
    if claim.session == '' or not (lanes or wait) then return lanes, wait end
    local free_from = free_of_sessions(search, claim)
    if free_from == 0 then return lanes, wait end
    return nil, free_from and math.max(free_from, wait or 0)
end

-- The lanes for all claims of a candidate. Else nil, and where only holds are in the way, when the last of them ends.
local function find_lanes(search, claims)
    local chosen, held_until = {}, nil
    for _, claim in ipairs(claims) do
        local lanes, wait = lanes_in_session(search, claim, chosen)
        if lanes then
            for _, lane in ipairs(lanes) do chosen[#chosen + 1] = lane end
        elseif wait then
            -- Held, not taken: one of the other claims may still turn out to be taken.
            held_until = math.max(held_until or 0, wait)
        else
            return nil
        end
    end
    if held_until then return nil, held_until end
    return chosen
end

-- The ids of the holds that give way to the lanes chosen. Where lanes beyond the capacity are not empty, a hold on any lane
-- may have the place that is needed: all of them in the minutes chosen give way. So do those of another session.
local function ids_giving_way(search, chosen)
    local function is_apart(hold, lane) return lane.session ~= '' and hold.session ~= lane.session end
    local ids, seen = {}, {}
    for _, lane in ipairs(chosen) do
        each_day(lane.first, lane.last, function(day)
            for _, hold in ipairs(holds_on(search, lane.resource, day)) do
                local id = hold.gives_way
                local meets = hold.first < lane.last and lane.first < hold.last
                    and (hold.lane == lane.lane or search.crowded[lane.resource] or is_apart(hold, lane))
                if id and meets and not seen[id] then
                    seen[id] = true
                    ids[#ids + 1] = id
                end
            end
        end)
    end
    return ids
end

-- Tells whether the lanes chosen share minutes with the claims of a hold, whatever resource those are of.
local function share_minutes(chosen, claims)
    local shared = false
    each_claim(claims, function(_, _, first, last)
        for _, lane in ipairs(chosen) do
            shared = shared or (first < lane.last and lane.first < last)
        end
    end)
    return shared
end

-- The lanes as a hold's record has them (shared/holds.lua).
local function claims_text(lanes)
    local texts = {}
    for _, lane in ipairs(lanes) do
        local session = lane.session ~= '' and lane.session or nil
        texts[#texts + 1] = table.concat({lane.resource, lane.lane, lane.first, lane.last, session}, ':')
    end
    return table.concat(texts, ' ')
end
