-- The version of a staff-day, "<dropped>.<changed>": when its bitmaps were last dropped, and when anything about them last
-- changed, both in microseconds of Redis' clock. The second grows with every change, so that a fill that was read before
-- the change is refused; the first only where the change is not a mere clearing of bits. Neither is seen twice, not even
-- after the key was lost.

local VERSION_MS = 86400000

local function next_instant(before)
    local time = redis.call('TIME')
    return math.max(time[1] * 1000000 + time[2], before + 1)
end

local function version_parts(version)
    local dropped, changed = string.match(version or '0.0', '^(%d+)%.(%d+)$')
    return tonumber(dropped), tonumber(changed)
end

local function store_version(key, dropped, changed)
    local text = string.format('%.0f.%.0f', dropped, changed)
    redis.call('SET', key, text, 'PX', VERSION_MS)
    return text
end

-- Everything cached under the key has become untrue.
local function bump_dropped(key)
    local _, changed = version_parts(redis.call('GET', key))
    local instant = next_instant(changed)
    return store_version(key, instant, instant)
end

-- Bits were cleared where the commit took minutes.
local function bump_cleared(key)
    local dropped, changed = version_parts(redis.call('GET', key))
    return store_version(key, dropped, next_instant(changed))
end

-- The version; an absent one is made.
local function version_of(key)
    return redis.call('GET', key) or bump_dropped(key)
end
