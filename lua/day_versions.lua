-- Read the versions of staff-days before their fill is read from Postgres. An absent one is made, so that "absent" is
-- never equal to "absent" after everything was lost.
--
-- KEYS[1]  catalogue
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  most bytes of the business that may be cached
-- ARGV[3]  how long a version is kept that is made beyond them, ms, longer than any fill lasts; 0: none is made
-- ARGV[4]… resource, UTC day, for each staff-day
--
-- {VERSIONS, now (ms), version of the catalogue, version of each staff-day…}
--   '' for a staff-day: as much is cached as may be, so it is not to be filled
--
-- Writes absent versions; where memory is short, none. Cost: one read per staff-day.

--@include shared/days
--@include shared/entries
--@include shared/memory

local catalogue, prefix, most_bytes, passing_ms = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local beyond = tonumber(redis.call('GET', prefix .. 'cached') or '0') >= most_bytes
local kept_ms = beyond and passing_ms or VERSION_MS
local checked = false
local function found_or_made(key, made_ms)
    local version = redis.call('GET', key)
    if version then return version end
    if made_ms == 0 then return '' end
    if not checked then require_memory(catalogue) end
    checked = true
    return bump_dropped(key, made_ms)
end

local reply = {'VERSIONS', integer(redis_ms()), found_or_made(catalogue, VERSION_MS)}
for position = 4, #ARGV, 2 do
    reply[#reply + 1] = found_or_made(prefix .. 'version:' .. ARGV[position] .. ':' .. ARGV[position + 1], kept_ms)
end
return reply
