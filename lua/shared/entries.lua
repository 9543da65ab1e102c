-- Lists of entries with a deadline, kept in one string: "<id>:<fields…>:<deadline ms> <id>:…". An entry whose deadline
-- has passed counts for nothing and is dropped by the next write; the key itself expires with its last entry.

local function redis_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function integer(number)
    return string.format('%.0f', number)
end

-- Calls visit(entry, id, deadline) for each entry of the list that is alive. What is no entry counts for nothing either.
local function each_live(text, now, visit)
    for entry, id, ending in string.gmatch(text or '', '(([^:%s]+):%S*:(%d+))') do
        local deadline = tonumber(ending)
        if deadline > now then visit(entry, id, deadline) end
    end
end

-- Stores the list anew: without dead entries, without those of the ids in `gone`, with those in `added`, which all live
-- until `deadline`.
local function rewrite(key, now, gone, added, deadline)
    local kept, last = {}, 0
    local function keep(entry, id, deadline)
        kept[#kept + 1] = entry
        last = math.max(last, deadline)
    end
    each_live(redis.call('GET', key), now, function(entry, id, deadline)
        if not gone[id] then keep(entry, id, deadline) end
    end)
    for _, entry in ipairs(added) do keep(entry, nil, deadline) end
    if #kept == 0 then
        redis.call('DEL', key)
    else
        redis.call('SET', key, table.concat(kept, ' '), 'PX', integer(last - now))
    end
end
