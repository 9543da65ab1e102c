-- Read the holds and bitmaps of staff-days, all as of one instant: a slot that is being settled is seen held or taken.
--
-- KEYS[1]  catalogue
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… resource, UTC day, for each staff-day
--
-- {DAYS, now (ms), version of the catalogue, then for each staff-day: its held list, its bitmaps}
--
-- What is absent is an empty string. Writes nothing. Cost: the bytes read.

--@include shared/entries

-- Lua 5.1 has it as a global, later ones in the library of tables.
local unpack = unpack or table.unpack

local reply = {'DAYS', integer(redis_ms()), redis.call('GET', KEYS[1]) or ''}
if #ARGV > 1 then
    local names = {}
    for position = 2, #ARGV, 2 do
        local staff_day = ARGV[position] .. ':' .. ARGV[position + 1]
        names[#names + 1] = ARGV[1] .. 'held:' .. staff_day
        names[#names + 1] = ARGV[1] .. 'clear:' .. staff_day
    end
    for _, value in ipairs(redis.call('MGET', unpack(names))) do
        reply[#reply + 1] = value or ''
    end
end
return reply
