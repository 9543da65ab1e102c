-- Show the gauges of a process in place of those it has shown before.
--
-- KEYS[1]  the hash of the process
-- ARGV[1]  how long they are shown, ms
-- ARGV[2]… gauge, value, for each
--
-- {SHOWN}
--
-- Writes the hash. Cost: the gauges. Safe to repeat.

redis.call('DEL', KEYS[1])
for position = 2, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[position], ARGV[position + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {'SHOWN'}
