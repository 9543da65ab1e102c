-- Make the lists say of a hold what its record says: a live hold stands in each of its lists, any other in none.
--
-- KEYS[1]  hold:<hold>
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  id of the hold
-- ARGV[3]  lists it was seen in besides those its record names, "held:<resource>:<day> client:<digest> …", or ''
--
-- {MENDED}
-- {OVERLAP}  unchanged: while it was missing from a list, another live hold was placed on its minutes
--
-- Writes live, budgets, held:* and client:* lists; where memory is short, nothing of a live hold.
-- Cost: the entries of those lists. Safe to repeat.

--@include shared/days
--@include shared/entries
--@include shared/holds
--@include shared/memory

local prefix, id = ARGV[1], ARGV[2]
local now = redis_ms()
local hold = read_hold(KEYS[1], now)
local alive = hold and hold.state ~= 'confirmed' and hold.deadline > now

-- Which entries of this hold each list is to have.
local lists, overlapped = {}, false
if hold then
    for list, entries in pairs(hold_lists(prefix, id, hold, hold.deadline)) do
        lists[list] = alive and entries or {}
    end
end
for name in string.gmatch(ARGV[3], '%S+') do
    lists[prefix .. name] = lists[prefix .. name] or {}
end
-- What other holds have of a list, by lane; each list is read once, however many lanes the hold has.
local others = {}
local function others_on(list)
    if not others[list] then
        local by_lane = {}
        each_live(redis.call('GET', list), now, function(entry, other)
            local lane, first, last = string.match(entry, '^[^:]+:(%d+):(%d+):(%d+):')
            if lane and other ~= id then
                by_lane[tonumber(lane)] = by_lane[tonumber(lane)] or {}
                table.insert(by_lane[tonumber(lane)], {first = tonumber(first), last = tonumber(last)})
            end
        end)
        others[list] = by_lane
    end
    return others[list]
end
if alive then
    each_claim(hold.claims, function(resource, lane, first, last)
        each_day(first, last, function(day)
            for _, span in ipairs(others_on(prefix .. 'held:' .. resource .. ':' .. day)[lane] or {}) do
                overlapped = overlapped or (span.first < last and first < span.last)
            end
        end)
    end)
end
if overlapped then return {'OVERLAP'} end

if alive then require_memory(KEYS[1]) else go_on_without_memory(KEYS[1]) end
for list, entries in pairs(lists) do rewrite(list, now, {[id] = true}, entries, hold and hold.deadline) end
if alive then stay_live(prefix, id, hold, hold.deadline, now) else leave_live(prefix, id, now) end
return {'MENDED'}
