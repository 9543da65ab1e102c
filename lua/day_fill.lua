-- Cache the bitmaps of staff-days as they were read from Postgres, unless something changed since their version was read.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  when the versions were read, by Redis' clock, ms
-- ARGV[3]  oldest fill that is taken, ms: versions live far longer than this
-- ARGV[4]  how long bitmaps are kept at most, ms, and how long they are counted
-- ARGV[5]  most bytes of the business that may be cached
-- ARGV[6]  how long bitmaps beyond them are kept, ms: for a moment, until a hold has been placed on them; 0: not at all
-- ARGV[7]… resource, UTC day, version as read, bitmaps, for each staff-day
--
-- {FILLED, how many were stored, how many were refused, how many had no room}
--
-- Writes clear:*, and cached, a count of their bytes which expires with all that it counts; where memory is short, nothing.
-- Cost: the bytes stored.

--@include shared/days
--@include shared/entries
--@include shared/memory

local prefix, read_at, oldest_ms, kept_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local most_bytes, passing_ms = tonumber(ARGV[5]), tonumber(ARGV[6])

local stored, refused, no_room = 0, 0, 0
local late = redis_ms() - read_at > oldest_ms
local cached = prefix .. 'cached'
local left_ms, bytes = redis.call('PTTL', cached), tonumber(redis.call('GET', cached) or '0')
local begins = left_ms <= PASSING_MS
if begins then left_ms, bytes = kept_ms, 0 end
local counted = bytes

require_memory(prefix .. 'catalogue')
for position = 7, #ARGV, 4 do
    local staff_day, bitmaps = ARGV[position] .. ':' .. ARGV[position + 1], ARGV[position + 3]
    local key = prefix .. 'clear:' .. staff_day
    if late or redis.call('GET', prefix .. 'version:' .. staff_day) ~= ARGV[position + 2] then
        refused = refused + 1
    else
        local more = bytes + staff_day_bytes(#bitmaps)
        local before = redis.call('STRLEN', key)
        if before > 0 and redis.call('PTTL', key) > PASSING_MS then more = more - staff_day_bytes(before) end
        if more <= most_bytes then
            redis.call('SET', key, bitmaps, 'PX', integer(left_ms))
            bytes, stored = more, stored + 1
        elseif passing_ms > 0 then
            redis.call('SET', key, bitmaps, 'PX', integer(passing_ms))
            stored = stored + 1
        else
            no_room = no_room + 1
        end
    end
end
if begins then
    if bytes > 0 then redis.call('SET', cached, integer(bytes), 'PX', integer(left_ms)) end
elseif bytes ~= counted then
    redis.call('INCRBY', cached, integer(bytes - counted))
end
return {'FILLED', stored, refused, no_room}
