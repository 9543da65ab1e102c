-- Add what a process has counted to a hash of counts, once however often it is said.
--
-- KEYS[1]  a hash of counts
-- ARGV[1]  the process, by a name that no other one ever has
-- ARGV[2]  number of what it says here: one more each time
-- ARGV[3]  how long the hash is kept from now, ms; 0: for ever
-- ARGV[4]  how long it is remembered that this was said, ms
-- ARGV[5]… field, amount, for each count
--
-- {ADDED}
-- {REPEATED}  it was said before: unchanged
--
-- Writes the hash, and {<hash>}:said:<process>, which is in the same slot, also where memory is short: there are only so
-- many. Cost: the fields. Safe to repeat.

--@include shared/memory

local counts, process, number, kept_ms, remembered_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local said = '{' .. counts .. '}:said:' .. process
if tonumber(redis.call('GET', said) or '0') >= tonumber(number) then return {'REPEATED'} end
go_on_without_memory('{' .. counts .. '}')
for position = 5, #ARGV, 2 do
    redis.call('HINCRBY', counts, ARGV[position], ARGV[position + 1])
end
if kept_ms ~= '0' then redis.call('PEXPIRE', counts, kept_ms) end
redis.call('SET', said, number, 'PX', remembered_ms)
return {'ADDED'}
