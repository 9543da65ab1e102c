-- Read lists of holds, all as of one instant.
--
-- KEYS[1]  catalogue: only names the shard
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… name of a list, "held:<resource>:<day>" or "client:<digest>"
--
-- {LISTS, now (ms), the list as it is, …}
--
-- What is absent is an empty string. Writes nothing. Cost: the bytes read.

--@include shared/entries

local reply = {'LISTS', integer(redis_ms())}
for position = 2, #ARGV do
    reply[#reply + 1] = redis.call('GET', ARGV[1] .. ARGV[position]) or ''
end
return reply
