-- Read holds with every live entry of the lists that speaks of them, all as of one instant.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… id, lists it was seen in besides those its record names ("held:<resource>:<day> client:<digest> …"), for each hold
--
-- {HOLDS, now, (id, state, deadline, limit, client, fingerprint, body, choice, claims, appointment, reported, entries)…}
--   state: '' and the others '' or 0 when there is no record; reported: 1 when its end was reported;
--   entries: "<list>=<entry> …"; "live=<hold>:<deadline>" stands for its place there
--
-- Writes nothing. Cost: the entries of the lists, each read once.

--@include shared/days
--@include shared/entries
--@include shared/holds

local prefix = ARGV[1]
local now = redis_ms()

-- The live entries of a list by hold, however many holds ask for it.
local lists = {}
local function entries_of(name, id)
    if not lists[name] then
        local by_hold = {}
        each_live(redis.call('GET', prefix .. name), now, function(entry, other)
            by_hold[other] = by_hold[other] or {}
            table.insert(by_hold[other], name .. '=' .. entry)
        end)
        lists[name] = by_hold
    end
    return lists[name][id] or {}
end

local reply = {'HOLDS', integer(now)}
for position = 2, #ARGV, 2 do
    local id, names, found = ARGV[position], {}, {}
    local key = prefix .. 'hold:' .. id
    local hold = read_hold(key, now)
    if hold then
        for list in pairs(list_keys(prefix, hold)) do
            names[string.sub(list, #prefix + 1)] = true
        end
    end
    for name in string.gmatch(ARGV[position + 1], '%S+') do names[name] = true end
    for name in pairs(names) do
        for _, entry in ipairs(entries_of(name, id)) do found[#found + 1] = entry end
    end
    local live = tonumber(redis.call('ZSCORE', prefix .. 'live', id) or '0')
    if live > now then found[#found + 1] = 'live=' .. id .. ':' .. integer(live) end
    local none = {state = '', deadline = 0, limit = 0, client = '', fingerprint = '', body = '', choice = '', claims = '',
        appointment = ''}
    local told = hold or none
    local reported = redis.call('HGET', key, 'reported') or '0'
    for _, value in ipairs({id, told.state, integer(told.deadline), integer(told.limit), told.client, told.fingerprint,
        told.body, told.choice, told.claims, told.appointment, reported, table.concat(found, ' ')}) do
        reply[#reply + 1] = value
    end
end
return reply
