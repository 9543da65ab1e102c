-- Show the gauges of a process in place of those it has shown before.
--
-- KEYS[1]  the hash of the process
-- ARGV[1]  how long they are shown, ms
-- ARGV[2]… gauge, value, for each
--
-- {SHOWN}
--
-- Writes the hash, also where memory is short. Cost: the gauges. Safe to repeat.

local gauges, kept_ms = KEYS[1], ARGV[1]

redis.call('DEL', gauges)
for position = 2, #ARGV, 2 do
    redis.call('HSET', gauges, ARGV[position], ARGV[position + 1])
end
redis.call('PEXPIRE', gauges, kept_ms)
return {'SHOWN'}
