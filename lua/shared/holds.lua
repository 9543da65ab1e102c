-- A hold's record, and the lists it stands in.
--   hold:<hold>            hash: state (held, pinned, confirmed), deadline, limit and pinned_until (ms), client,
--                          fingerprint, body, choice, claims, appointment; budgets: names of those it counts in;
--                          reported: its end was reported; proof: digest of the contact that its visitor has proved; code_count,
--                          code_asked_at, code_until (ms), code_contact, code_sealed, code_digest, code_tries: the codes that were
--                          asked for (hold_code_ask); taken: shares that it counts in (shared/shares.lua)
--   held:<resource>:<day>  entries <hold>:<lane>:<start>:<end>:<deadline>, in minutes since 1970; of an exclusive resource
--                          <hold>:<lane>:<start>:<end>:<session>:<deadline>
--   client:<digest>        entries <hold>:<fingerprint>:<deadline>
--   live                   sorted set: the holds by deadline, until they end or hold_report has noted their expiry
--   budget:<name>          sorted set: the holds that count in it by deadline; those whose deadline has passed do not. In one of
--                          an address they are its lapses
--   cooling:<name>         "<end of the cool-down>:<its length>", both ms: its address has let too many holds lapse
-- claims is "<resource>:<lane>:<start>:<end> …", written by hold_place alone; of an exclusive resource
-- "<resource>:<lane>:<start>:<end>:<session>". The name of a session is "<service>@<start of the visit>".

local DAY = 1440
-- So long after the last change of a hold it is known which ones live: longer than any of them.
local LIVE_MS = 172800000
-- An expired hold that was not reported by then never is: its record has gone.
local UNREPORTED_MS = 3600000
-- For so long a hold that ended by its deadline counts as a lapse of its address.
local LAPSES_MS = 1800000

-- Calls visit(day, first, last) for each UTC day of the span: its minutes of that day, last one exclusive.
local function each_day(first_minute, end_minute, visit)
    for day = math.floor(first_minute / DAY), math.floor((end_minute - 1) / DAY) do
        visit(day, math.max(first_minute - day * DAY, 0), math.min(end_minute - day * DAY, DAY))
    end
end

-- Calls visit(resource, lane, first, last, session) for each of them; session: '' where places are booked apart.
local function each_claim(claims, visit)
    for resource, lane, first, last, rest in string.gmatch(claims, '(%S-):(%d+):(%d+):(%d+)(%S*)') do
        visit(resource, tonumber(lane), tonumber(first), tonumber(last), string.sub(rest, 2))
    end
end

-- Calls visit(staff_day) for each staff-day that the claims touch: once for claims of the same minutes that follow each
-- other, as those of a party do.
local function each_staff_day(claims, visit)
    local seen_resource, seen_first, seen_last
    each_claim(claims, function(resource, _, first, last)
        if resource == seen_resource and first == seen_first and last == seen_last then return end
        seen_resource, seen_first, seen_last = resource, first, last
        each_day(first, last, function(day) visit(resource .. ':' .. day) end)
    end)
end

-- A pin whose grace has passed without a result is none: the hold is an ordinary one again. A record that lacks what every
-- record has is none either.
local function read_hold(key, now)
    local values = redis.pcall('HMGET', key, 'state', 'deadline', 'limit', 'client', 'fingerprint', 'body', 'choice',
        'claims', 'appointment', 'pinned_until', 'budgets', 'proof')
    local state, deadline, limit = values[1], tonumber(values[2] or ''), tonumber(values[3] or '')
    local whole = state and deadline and limit and values[4] and values[5] and values[6] and values[7] and values[8]
    if not whole then return nil end
    if state == 'pinned' and (tonumber(values[10] or '') or 0) <= now then state = 'held' end
    return {
        state = state, deadline = deadline, limit = limit, client = values[4],
        fingerprint = values[5], body = values[6], choice = values[7], claims = values[8], appointment = values[9] or '',
        pinned_until = tonumber(values[10] or '') or 0, budgets = values[11] or '', proof = values[12] or ''
    }
end

-- With the version of the catalogue, by which the caller notices that its own copy is out of date: read, unless it is given.
local function hold_reply(code, prefix, id, hold, now, catalogue)
    return {code, id, hold.state, integer(hold.deadline), integer(hold.limit), hold.body, hold.choice, hold.claims,
        hold.appointment, integer(now), catalogue or redis.call('GET', prefix .. 'catalogue') or '', hold.client, hold.proof}
end

-- The lists' keys that the hold stands in, each with its entries there under the given deadline.
local function hold_lists(prefix, id, hold, deadline)
    local lists, ending = {}, ':' .. integer(deadline)
    each_claim(hold.claims, function(resource, lane, first, last, session)
        if session ~= '' then session = ':' .. session end
        local entry = id .. ':' .. lane .. ':' .. first .. ':' .. last .. session .. ending
        each_day(first, last, function(day)
            local key = prefix .. 'held:' .. resource .. ':' .. day
            local entries = lists[key]
            if entries then entries[#entries + 1] = entry else lists[key] = {entry} end
        end)
    end)
    if hold.client ~= '' then
        lists[prefix .. 'client:' .. hold.client] = {id .. ':' .. hold.fingerprint .. ending}
    end
    return lists
end

-- The keys of those lists, as a set.
local function list_keys(prefix, hold)
    local keys = {}
    each_staff_day(hold.claims, function(staff_day) keys[prefix .. 'held:' .. staff_day] = true end)
    if hold.client ~= '' then keys[prefix .. 'client:' .. hold.client] = true end
    return keys
end

-- Calls visit(key) for each budget that the hold counts in.
local function each_budget(prefix, hold, visit)
    for name in string.gmatch(hold.budgets, '%S+') do visit(prefix .. 'budget:' .. name) end
end

-- For how long a budget has holds after their deadline.
local function kept_ms(budget)
    return string.find(budget, ':budget:address:', 1, true) and LAPSES_MS or 0
end

-- Notes until when the hold lives, to be reported as expired then, and to count in its budgets until then.
local function stay_live(prefix, id, hold, deadline, now)
    redis.call('ZADD', prefix .. 'live', integer(deadline), id)
    redis.call('PEXPIRE', prefix .. 'live', LIVE_MS)
    if deadline <= now then return end
    each_budget(prefix, hold, function(budget)
        redis.call('ZADD', budget, integer(deadline), id)
        -- It lives as long as the last of its holds counts: no deadline but a new one is later than that.
        local left = deadline - now + kept_ms(budget)
        if redis.call('PTTL', budget) < left then redis.call('PEXPIRE', budget, integer(left)) end
    end)
end

-- Where no worker runs, expired holds are forgotten.
local function forget_unreported(prefix, now)
    redis.call('ZREMRANGEBYSCORE', prefix .. 'live', '-inf', integer(now - UNREPORTED_MS))
end

-- The hold has ended in another way. Where its deadline had passed it stays, to be noticed as expired.
local function leave_live(prefix, id, now)
    local deadline = redis.call('ZSCORE', prefix .. 'live', id)
    if deadline and tonumber(deadline) > now then redis.call('ZREM', prefix .. 'live', id) end
end

-- Moves the hold's deadline everywhere it is written; its record is kept `retention` ms longer, to say that it expired.
local function set_deadline(prefix, key, id, hold, deadline, now, retention)
    for list, entries in pairs(hold_lists(prefix, id, hold, deadline)) do
        rewrite(list, now, {[id] = true}, entries, deadline)
    end
    stay_live(prefix, id, hold, deadline, now)
    hold.deadline = deadline
    redis.call('HSET', key, 'state', hold.state, 'deadline', integer(deadline))
    redis.call('PEXPIRE', key, integer(deadline - now + retention))
end

-- A reply, and the versions of the bitmaps that the attempt which pins rests on: when those of each staff-day it claims
-- were last dropped, "<resource>:<day>:<instant> …". Its settlement may change bitmaps only if they were not dropped since.
-- They are the attempt's and not the hold's: another attempt may pin the same hold, or place it anew, with later ones.
local function pinned_reply(code, prefix, id, hold, now, catalogue)
    local bitmap_versions, noted = {}, {}
    each_staff_day(hold.claims, function(staff_day)
        if not noted[staff_day] then
            noted[staff_day] = true
            local dropped = version_parts(version_of(prefix .. 'version:' .. staff_day))
            bitmap_versions[#bitmap_versions + 1] = staff_day .. ':' .. integer(dropped)
        end
    end)
    local reply = hold_reply(code, prefix, id, hold, now, catalogue)
    reply[#reply + 1] = table.concat(bitmap_versions, ' ')
    return reply
end

-- Takes the hold out of every list and budget; the record is the caller's to delete or change.
local function leave_lists(prefix, id, hold, now)
    for list in pairs(list_keys(prefix, hold)) do
        rewrite(list, now, {[id] = true}, {})
    end
    leave_live(prefix, id, now)
    each_budget(prefix, hold, function(budget) redis.call('ZREM', budget, id) end)
end
