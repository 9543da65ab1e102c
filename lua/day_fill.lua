-- Cache the bitmaps of staff-days as they were read from Postgres, unless something changed since their version was read.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  when the versions were read, by Redis' clock, ms
-- ARGV[3]  oldest fill that is taken, ms: versions live far longer than this
-- ARGV[4]  how long a bitmap is kept, ms
-- ARGV[5]… resource, UTC day, version as read, bitmaps, for each staff-day
--
-- {FILLED, how many were stored, how many were refused}
--
-- Writes clear:*. Cost: the bytes stored.

--@include shared/entries

local prefix, read_at, oldest_ms, kept_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

local stored, refused = 0, 0
local late = redis_ms() - read_at > oldest_ms
for position = 5, #ARGV, 4 do
    local staff_day = ARGV[position] .. ':' .. ARGV[position + 1]
    if late or redis.call('GET', prefix .. 'version:' .. staff_day) ~= ARGV[position + 2] then
        refused = refused + 1
    else
        redis.call('SET', prefix .. 'clear:' .. staff_day, ARGV[position + 3], 'PX', kept_ms)
        stored = stored + 1
    end
end
return {'FILLED', stored, refused}
