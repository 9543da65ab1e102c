-- Note in the records of expired holds that their end was reported, so that it is not reported again.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… id, for each hold
--
-- {REPORTED, how many had a record}
--
-- Writes records; one that has gone stays gone. Cost: one write per hold. Safe to repeat.

local noted = 0
for position = 2, #ARGV do
    local key = ARGV[1] .. 'hold:' .. ARGV[position]
    if redis.call('EXISTS', key) == 1 then
        redis.call('HSET', key, 'reported', '1')
        noted = noted + 1
    end
end
return {'REPORTED', noted}
