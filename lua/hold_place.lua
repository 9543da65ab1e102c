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
--          so that an appointment may be moved, or a hold placed for its move, by less than its length; or ''. Those that
--          name a session are alone in it, and it is in nobody's way
-- ARGV[14] budgets that the new hold counts in, "<name>=<most> …", or ''
-- ARGV[15] 1 to place it also where the hold to be replaced is gone; else 0
-- ARGV[16] 1 to end the holds of others that are in the way and not pinned; else 0
-- ARGV[17] the budget of ARGV[14] whose lapses count, "<name>=<most>": holds of it that ended by their deadline; or ''
-- ARGV[18] shares that the new hold counts in, "<name>=<most>:<least> …": minutes of lanes that may be taken under a name
--          lately, and visits that may in any case; or ''. See shared/shares.lua
-- ARGV[19] number of candidates
-- ARGV[20]… for each candidate, best first:
--            choice (kept as it is), number of claims, and for each claim:
--            resource, lane count (lanes in the bitmap), capacity (lanes on offer), count (lanes needed), first minute,
--            end minute, 1 if pieces of several lanes will do; else 0, session on an exclusive resource or ''; see
--            shared/lanes.lua
--
-- {PLACED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue, client, proof,
--         bitmap_versions, gave_way}
--   bitmap_versions: if it is placed pinned, see hold_pin; else ''
--   gave_way: ids of the holds that were ended for it, "<hold> …". Their records say that they expired now
-- {REPLACED, …}  as PLACED: another live hold was given up for it, whose proof it takes over. Where they share minutes, it has what is left of the
--                longest life of that one
-- {SAME, …}     as PLACED without the last two: the caller already has this hold
-- {STALE}       the catalogue changed: work out the candidates again
-- {MISS, resource, day, …}  these bitmaps are not cached: fill them and call again
-- {LIMIT, budget, most, ms}  the budget is used up: "client" or a name of ARGV[14]; the first of its holds ends in that time.
--               Or "lapses": as many holds of ARGV[17] have lapsed lately, and the cool-down ends in that time.
--               Or a name of ARGV[18]: with this hold it would be more than the share, and the first part of it counts no
--               more in that time
-- {REPLACING, …}  as SAME: the hold to be replaced is just being confirmed, or was
-- {EXPIRED, …}  as SAME: the hold to be replaced has expired
-- {MISSING}     there is no hold to be replaced (any more)
-- {EXHAUSTED, …}  as SAME: the longest life of the hold to be replaced is over, and the new one shares minutes with it
-- {HELD, ms}    every candidate is taken, at least one only by a hold, the first of which ends in that time
-- {TAKEN, by}   every candidate is taken: by claims, or by time_off where all of them have some
--
-- Writes the record, live, budgets, taken:*, held:* and client:* lists, absent version:*; takes the replaced hold, and those that
-- gave way, out of them. Nothing unless PLACED or REPLACED, and nothing where memory is short; except that lapses which
-- begin a cool-down are taken out of their budget, and it is noted in cooling:<name>.
-- Cost: candidates tried × lanes × days touched, the entries of the lists read, and log(its holds) for each budget. Where a
-- lane beyond the capacity is not clear, also the claims and holds on all lanes in the minutes claimed, and those minutes:
-- once when there is room, else up to 2 + log2(holds) times. The same where lanes are alike and too few are free all along. Where holds are to give way, all of it twice, and a read of
-- each hold on the days touched. On an exclusive resource also the sessions of its days.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/lanes
--@include shared/memory
--@include shared/shares

local key, prefix, id, catalogue_version = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local life_ms, longest_ms, retention_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local client, client_limit, fingerprint = ARGV[7], tonumber(ARGV[8]), ARGV[9]
local replaced_id, state, body, own_claims = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local budgets, even_if_gone, overrides = ARGV[14], ARGV[15] == '1', ARGV[16] == '1'
local candidate_count = tonumber(ARGV[19])
local lapse_limit, shares = ARGV[17], ARGV[18]
local position
local now = redis_ms()
-- A hold that would live for less is refused: lives are asked for in seconds.
local SHORTEST_MS = 1000
-- Cool-downs after lapses: the first, and the longest. One that ended longer ago than that is forgotten.
local FIRST_COOLING_MS, LONGEST_COOLING_MS = 300000, 3600000

-- How many live holds the client has, the one of them with the same fingerprint, and when the first of them ends.
local function client_holds()
    local count, same_id, first_end = 0, nil, math.huge
    if client == '' then return count, same_id, first_end end
    each_live(redis.call('GET', prefix .. 'client:' .. client), now, function(entry, hold_id, deadline)
        if hold_id ~= replaced_id then
            count = count + 1
            first_end = math.min(first_end, deadline)
            if string.match(entry, '^[^:]+:(.*):%d+$') == fingerprint then same_id = hold_id end
        end
    end)
    return count, same_id, first_end
end

-- The first budget that is used up, how many holds it allows, and when the first of them ends.
local function used_up_budget()
    local later = '(' .. integer(now)
    for name, most in string.gmatch(budgets, '(%S+)=(%d+)') do
        local budget = prefix .. 'budget:' .. name
        local count = redis.call('ZCOUNT', budget, later, '+inf')
        if count >= tonumber(most) then
            local freed = replaced_id ~= '' and tonumber(redis.call('ZSCORE', budget, replaced_id) or '0') > now
            if not freed or count > tonumber(most) then
                local first = redis.call('ZRANGEBYSCORE', budget, later, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
                return name, most, tonumber(first[2] or integer(now))
            end
        end
    end
end

-- When the cool-down after lapses ends, and how many begin one: counted from the last of them, and twice as long as the
-- one before where that is remembered. Each lapse counts once.
local function cool_down()
    local name, most = string.match(lapse_limit, '(%S+)=(%d+)')
    if not name then return 0 end
    local budget, cooling = prefix .. 'budget:' .. name, prefix .. 'cooling:' .. name
    local ends, length = string.match(redis.call('GET', cooling) or '', '(%d+):(%d+)')
    ends = tonumber(ends or '0')
    local since, until_now = '(' .. integer(now - LAPSES_MS), integer(now)
    if redis.call('ZCOUNT', budget, since, until_now) < tonumber(most) then return ends, most end
    local last = redis.call('ZREVRANGEBYSCORE', budget, integer(now), '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
    length = length and math.min(2 * tonumber(length), LONGEST_COOLING_MS) or FIRST_COOLING_MS
    ends = math.max(ends, tonumber(last[2]) + length)
    require_memory(key)
    local kept = math.max(ends - now, 0) + LONGEST_COOLING_MS
    redis.call('ZREMRANGEBYSCORE', budget, '-inf', until_now)
    redis.call('SET', cooling, integer(ends) .. ':' .. integer(length), 'PX', integer(kept))
    return ends, most
end

-- The choice and the claims of the next candidate.
local function next_candidate()
    local choice, claims = ARGV[position], {}
    local claim_count = tonumber(ARGV[position + 1])
    position = position + 2
    for number = 1, claim_count do
        claims[number] = {
            resource = ARGV[position], lane_count = tonumber(ARGV[position + 1]),
            capacity = tonumber(ARGV[position + 2]), count = tonumber(ARGV[position + 3]),
            first = tonumber(ARGV[position + 4]), last = tonumber(ARGV[position + 5]),
            allows_pieces = ARGV[position + 6] == '1', session = ARGV[position + 7]
        }
        position = position + 8
    end
    return choice, claims
end

-- The lanes and the choice of the first candidate all of whose claims find their lanes. Else nil twice, when the first of
-- the holds ends that alone are in the way, and what else is.
local function find_candidate(search)
    local held_until, taken_by = nil, 'time_off'
    position = 20
    for _ = 1, candidate_count do
        local choice, claims = next_candidate()
        local lanes, wait = find_lanes(search, claims)
        if lanes then return lanes, choice end
        if wait then
            held_until = math.min(held_until or wait, wait)
        elseif taken_by == 'time_off' and not has_time_off(search, claims) then
            taken_by = 'claims'
        end
    end
    return nil, nil, held_until, taken_by
end

-- An expired hold of this id may not have been counted yet: it will be by another name, for its own lives once more.
local function give_up_earlier(earlier)
    leave_lists(prefix, id, earlier, now)
    give_back(prefix, key)
    redis.call('DEL', key)
    if redis.call('ZREM', prefix .. 'live', id) == 1 then
        redis.call('ZADD', prefix .. 'live', integer(earlier.deadline), id .. ' ' .. integer(earlier.deadline))
    end
end

-- The hold of another is over: its record and its place in live say that it has expired, to be told and reported.
local function end_now(other_id)
    local other_key = prefix .. 'hold:' .. other_id
    leave_lists(prefix, other_id, read_hold(other_key, now), now)
    give_back(prefix, other_key)
    redis.call('HSET', other_key, 'deadline', integer(now))
    redis.call('PEXPIRE', other_key, retention_ms)
    redis.call('ZADD', prefix .. 'live', integer(now), other_id)
end

-- Refuse, or give back what the caller already has.
local earlier = read_hold(key, now)
if earlier and (earlier.state == 'confirmed' or earlier.deadline > now) then
    return hold_reply('SAME', prefix, id, earlier, now)
end
if redis.call('GET', prefix .. 'catalogue') ~= catalogue_version then return {'STALE'} end
local client_count, same_id, client_first_end = client_holds()
local same = same_id and read_hold(prefix .. 'hold:' .. same_id, now)
if same and same.deadline > now then return hold_reply('SAME', prefix, same_id, same, now) end
local replaced = replaced_id ~= '' and read_hold(prefix .. 'hold:' .. replaced_id, now) or nil
if replaced and replaced.state ~= 'held' then return hold_reply('REPLACING', prefix, replaced_id, replaced, now) end
-- An attempt that is repeated has given it up before.
if replaced_id ~= '' and not even_if_gone and not earlier then
    if not replaced then return {'MISSING'} end
    if replaced.deadline <= now then return hold_reply('EXPIRED', prefix, replaced_id, replaced, now) end
end
if replaced and replaced.deadline <= now then replaced = nil end
local replaced_key = replaced and prefix .. 'hold:' .. replaced_id
if client ~= '' and client_count >= client_limit then
    return {'LIMIT', 'client', integer(client_limit), integer(client_first_end - now)}
end
local cool_at, most_lapses = cool_down()
if cool_at > now then return {'LIMIT', 'lapses', most_lapses, integer(cool_at - now)} end
local used_up, most, first_end = used_up_budget()
if used_up then return {'LIMIT', used_up, most, integer(first_end - now)} end

-- Search; where only holds are in the way, once more past those that give way.
local search = new_search(prefix, now, own_claims, replaced_id, false)
local lanes, choice, held_until, taken_by = find_candidate(search)
if #search.missing > 0 then
    table.insert(search.missing, 1, 'MISS')
    return search.missing
end
if not lanes and held_until and overrides then
    search = new_search(prefix, now, own_claims, replaced_id, true)
    lanes, choice, held_until = find_candidate(search)
end
if not lanes and held_until then return {'HELD', integer(held_until - now)} end
if not lanes then return {'TAKEN', taken_by} end
local claims = claims_text(lanes)
local used_up_name, most_minutes, counts_until = used_up_share(prefix, shares, claims, replaced_key, now)
if used_up_name then return {'LIMIT', used_up_name, most_minutes, integer(counts_until - now)} end
local limit = now + longest_ms
if replaced and state == 'held' and share_minutes(lanes, replaced.claims) then
    limit = math.min(limit, replaced.limit)
    if limit - now < SHORTEST_MS then return hold_reply('EXHAUSTED', prefix, replaced_id, replaced, now) end
end

-- Write.
local hold = {
    state = state, deadline = math.min(now + life_ms, limit), limit = limit, client = client, fingerprint = fingerprint,
    body = body, choice = choice, claims = claims, appointment = '', budgets = string.gsub(budgets, '=%d+', ''),
    proof = replaced and replaced.proof or ''
}
require_memory(key)
if replaced then
    leave_lists(prefix, replaced_id, replaced, now)
    give_back(prefix, prefix .. 'hold:' .. replaced_id)
    redis.call('DEL', prefix .. 'hold:' .. replaced_id)
end
if earlier then give_up_earlier(earlier) end
local gave_way = search.overrides and ids_giving_way(search, lanes) or {}
for _, other_id in ipairs(gave_way) do end_now(other_id) end
forget_unreported(prefix, now)
local record = {'limit', integer(hold.limit), 'client', client, 'fingerprint', fingerprint, 'body', body,
    'choice', choice, 'claims', hold.claims, 'pinned_until', integer(hold.deadline)}
local function note(field, value)
    if value == '' then return end
    record[#record + 1] = field
    record[#record + 1] = value
end
note('proof', hold.proof)
note('budgets', hold.budgets)
note('taken', take_shares(prefix, shares, claims, now))
redis.call('HSET', key, unpack(record))
if budgets ~= '' then
    each_budget(prefix, hold, function(budget)
        local gone = integer(now - kept_ms(budget))
        redis.call('ZREMRANGEBYSCORE', budget, '-inf', gone)
    end)
end
set_deadline(prefix, key, id, hold, hold.deadline, now, retention_ms)
local word = replaced and 'REPLACED' or 'PLACED'
local answer = hold.state == 'pinned' and pinned_reply or hold_reply
local reply = answer(word, prefix, id, hold, now, catalogue_version)
reply[14] = reply[14] or ''
reply[15] = table.concat(gave_way, ' ')
return reply
