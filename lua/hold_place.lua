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
--            resource, lane count (lanes in the bitmap), capacity (lanes on offer), count (lanes needed), first minute,
--            end minute; see shared/lanes.lua
--
-- {PLACED, id, state, deadline, limit, body, choice, claims, appointment, now, catalogue}
--   if it is placed pinned, also bitmap_versions: see hold_pin
-- {REPLACED, …}  as PLACED: another live hold was given up for it
-- {SAME, …}     as PLACED without bitmap_versions: the caller already has this hold
-- {STALE}       the catalogue changed: work out the candidates again
-- {MISS, resource, day, …}  these bitmaps are not cached: fill them and call again
-- {LIMIT}       the client has as many live holds as it may
-- {REPLACING, …}  as SAME: the hold to be replaced is just being confirmed
-- {HELD, ms}    every candidate is taken, at least one only by a hold, the first of which ends in that time
-- {TAKEN, by}   every candidate is taken: by claims, or by time_off where all of them have some
--
-- Writes the record, live, held:* and client:* lists, absent version:*; takes the replaced hold out of them. Nothing unless
-- PLACED or REPLACED.
-- Cost: candidates tried × lanes × days touched, and the entries of the lists read. Where a lane beyond the capacity is
-- not clear, also the claims and holds on all lanes in the minutes claimed, and those minutes: once when there is room,
-- else up to 2 + log2(holds) times.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/lanes

local key, prefix, id, catalogue_version = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local life_ms, longest_ms, retention_ms = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local client, client_limit, fingerprint = ARGV[7], tonumber(ARGV[8]), ARGV[9]
local replaced_id, state, body, own_claims = ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local candidate_count = tonumber(ARGV[14])
local position = 15
local now = redis_ms()

-- How many live holds the client has, and the one of them with the same fingerprint.
local function client_holds()
    local count, same_id = 0, nil
    if client == '' then return count, same_id end
    each_live(redis.call('GET', prefix .. 'client:' .. client), now, function(entry, hold_id)
        if hold_id ~= replaced_id then
            count = count + 1
            if string.match(entry, '^[^:]+:(.*):%d+$') == fingerprint then same_id = hold_id end
        end
    end)
    return count, same_id
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
            first = tonumber(ARGV[position + 4]), last = tonumber(ARGV[position + 5])
        }
        position = position + 6
    end
    return choice, claims
end

-- An expired hold of this id may not have been counted yet: it will be by another name, for its own lives once more.
local function give_up_earlier(earlier)
    leave_lists(prefix, id, earlier, now)
    redis.call('DEL', key)
    if redis.call('ZREM', prefix .. 'live', id) == 1 then
        redis.call('ZADD', prefix .. 'live', integer(earlier.deadline), id .. ' ' .. integer(earlier.deadline))
    end
end

-- Refuse, or give back what the caller already has.
local earlier = read_hold(key, now)
if earlier and (earlier.state == 'confirmed' or earlier.deadline > now) then
    return hold_reply('SAME', prefix, id, earlier, now)
end
if redis.call('GET', prefix .. 'catalogue') ~= catalogue_version then return {'STALE'} end
local client_count, same_id = client_holds()
local same = same_id and read_hold(prefix .. 'hold:' .. same_id, now)
if same and same.deadline > now then return hold_reply('SAME', prefix, same_id, same, now) end
local replaced = replaced_id ~= '' and read_hold(prefix .. 'hold:' .. replaced_id, now) or nil
if replaced and replaced.state == 'pinned' then return hold_reply('REPLACING', prefix, replaced_id, replaced, now) end
if replaced and replaced.state == 'confirmed' then replaced = nil end
if client ~= '' and client_count >= client_limit then return {'LIMIT'} end

-- Search: the first candidate all of whose claims find their lanes.
local search, taken_by = new_search(prefix, now, own_claims, replaced_id), 'time_off'
local choice, lanes, held_until = nil, nil, nil
for _ = 1, candidate_count do
    local claims, wait
    choice, claims = next_candidate()
    lanes, wait = find_lanes(search, claims)
    if lanes then break end
    if wait then
        held_until = math.min(held_until or wait, wait)
    elseif taken_by == 'time_off' and not has_time_off(search, claims) then
        taken_by = 'claims'
    end
end
if #search.missing > 0 then
    table.insert(search.missing, 1, 'MISS')
    return search.missing
end
if not lanes and held_until then return {'HELD', integer(held_until - now)} end
if not lanes then return {'TAKEN', taken_by} end

-- Write.
local hold = {
    state = state, deadline = now + life_ms, limit = now + longest_ms, client = client, fingerprint = fingerprint,
    body = body, choice = choice, claims = claims_text(lanes), appointment = ''
}
if replaced then
    leave_lists(prefix, replaced_id, replaced, now)
    redis.call('DEL', prefix .. 'hold:' .. replaced_id)
end
if earlier then give_up_earlier(earlier) end
forget_unreported(prefix, now)
redis.call('HSET', key, 'limit', integer(hold.limit), 'client', client, 'fingerprint', fingerprint, 'body', body,
    'choice', choice, 'claims', hold.claims, 'pinned_until', integer(hold.deadline))
set_deadline(prefix, key, id, hold, hold.deadline, now, retention_ms)
local reply = hold.state == 'pinned' and pinned_reply or hold_reply
local gave_up = replaced and replaced.deadline > now
return reply(gave_up and 'REPLACED' or 'PLACED', prefix, id, hold, now)
