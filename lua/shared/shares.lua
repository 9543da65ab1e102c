-- Shares of a business's time that visitors have taken lately, whether they hold it, have booked it or let their holds lapse.
--   taken:<name>  hash: minutes of lanes, and visits, that were taken in a span of time and not given back:
--                 "<span>" and "<span>:visits"; spans are counted since 1970
-- A hold's record has taken: "<name>@<span> …", those that it counts in, where its minutes are given back.

local TAKEN_SPAN_MS, TAKEN_SPANS = 300000, 12

-- Minutes of lanes in claims; at most a day of each, for a stay takes nights in which nobody works.
local function minutes_of(claims)
    local minutes = 0
    each_claim(claims, function(_, _, first, last) minutes = minutes + math.min(last - first, DAY) end)
    return minutes
end

-- Calls visit(name, span) for each share that the hold of a record counts in.
local function each_share(key, visit)
    for name, span in string.gmatch(redis.call('HGET', key, 'taken') or '', '(%S+)@(%d+)') do visit(name, span) end
end

-- What was taken under a name lately: minutes, visits, the first span that counts and fields that count no more.
local function taken_lately(taken_key, now)
    local minutes, visits, past = 0, 0, {}
    local current = math.floor(now / TAKEN_SPAN_MS)
    local first = current
    local fields = redis.call('HGETALL', taken_key)
    for place = 1, #fields, 2 do
        local span, kind = string.match(fields[place], '^(%d+)(.*)$')
        local amount = tonumber(fields[place + 1])
        span = tonumber(span)
        if span <= current - TAKEN_SPANS then
            past[#past + 1] = fields[place]
        elseif kind == '' then
            minutes = minutes + amount
            if amount > 0 then first = math.min(first, span) end
        else
            visits = visits + amount
        end
    end
    return minutes, visits, first, past
end

-- The first share that has no room for the claims, how many minutes it has, and when some of it counts no more. What the
-- hold to be replaced has taken is given back.
local function used_up_share(prefix, shares, claims, replaced_key, now)
    if shares == '' then return end
    local wanted, replaced = minutes_of(claims), {}
    if replaced_key then each_share(replaced_key, function(name) replaced[name] = true end) end
    for name, most, least in string.gmatch(shares, '(%S+)=(%d+):(%d+)') do
        local minutes, visits, first = taken_lately(prefix .. 'taken:' .. name, now)
        if replaced[name] then
            minutes, visits = minutes - minutes_of(redis.call('HGET', replaced_key, 'claims') or ''), visits - 1
        end
        if visits >= tonumber(least) and minutes + wanted > tonumber(most) then
            return name, most, (first + TAKEN_SPANS) * TAKEN_SPAN_MS
        end
    end
end

-- Counts the claims in each share. The result says where, for the record: "<name>@<span> …", or ''.
local function take_shares(prefix, shares, claims, now)
    if shares == '' then return '' end
    local wanted, span, noted = minutes_of(claims), integer(math.floor(now / TAKEN_SPAN_MS)), {}
    for name in string.gmatch(shares, '(%S+)=%d+:%d+') do
        local taken_key = prefix .. 'taken:' .. name
        redis.call('HINCRBY', taken_key, span, wanted)
        -- The first of a span tidies up, for all of it.
        if redis.call('HINCRBY', taken_key, span .. ':visits', 1) == 1 then
            local _, _, _, past = taken_lately(taken_key, now)
            if #past > 0 then redis.call('HDEL', taken_key, unpack(past)) end
            redis.call('PEXPIRE', taken_key, (TAKEN_SPANS + 1) * TAKEN_SPAN_MS)
        end
        noted[#noted + 1] = name .. '@' .. span
    end
    return table.concat(noted, ' ')
end

-- The hold has ended before its time and was not booked: nothing was taken. The record is the caller's to delete or change.
local function give_back(prefix, key)
    local minutes = nil
    each_share(key, function(name, span)
        minutes = minutes or minutes_of(redis.call('HGET', key, 'claims') or '')
        local taken_key = prefix .. 'taken:' .. name
        if redis.call('HEXISTS', taken_key, span) == 1 then
            redis.call('HINCRBY', taken_key, span, -minutes)
            redis.call('HINCRBY', taken_key, span .. ':visits', -1)
        end
    end)
    if minutes then redis.call('HDEL', key, 'taken') end
end
