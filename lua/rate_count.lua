-- Count what a process was asked for, in the window of time that it is now, and tell what all processes have counted.
--
-- KEYS[1]  rates: names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… seconds of the window, field, amount, for each count; an amount may be negative
--
-- {COUNTED, now (ms), (number of the window, its count, that of the window before)…}
--
-- Writes rates:<seconds>:<window>. Cost: the counts. It is never repeated: whoever hears no answer forgets what it had
-- counted.

--@include shared/memory

local prefix = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

require_memory(KEYS[1])
local reply, kept = {'COUNTED', string.format('%.0f', now_ms)}, {}
for position = 2, #ARGV, 3 do
    local seconds, field, amount = tonumber(ARGV[position]), ARGV[position + 1], ARGV[position + 2]
    local window = math.floor(now_ms / 1000 / seconds)
    local counts = prefix .. 'rates:' .. ARGV[position] .. ':'
    local key = counts .. string.format('%.0f', window)
    local total = redis.call('HINCRBY', key, field, amount)
    local before = redis.call('HGET', counts .. string.format('%.0f', window - 1), field) or '0'
    if not kept[key] then
        redis.call('PEXPIRE', key, 2000 * seconds)
        kept[key] = true
    end
    reply[#reply + 1] = string.format('%.0f', window)
    reply[#reply + 1] = total
    reply[#reply + 1] = before
end
return reply
