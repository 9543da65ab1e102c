-- Read the holds and bitmaps of staff-days, all as of one instant: a slot that is being settled is seen held or taken.
--
-- KEYS[1]  catalogue
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  "all", or "claims": the bitmaps alone, for whom it does not matter what is held
-- ARGV[3]… UTC days, resources: each two lists of words stand for every day with every resource
--
-- {DAYS, now (ms), version of the catalogue, number n of staff-days with a held list, for each of the n: its place
-- (from 0) and the list, then the bitmaps of each staff-day in its place}
--
-- Places go through the days of the first list, on each day through the resources, then on to the next two lists. What is
-- absent is an empty string. Writes nothing. Cost: the bytes read.

--@include shared/entries

-- Lua 5.1 has it as a global, later ones in the library of tables.
local unpack = unpack or table.unpack

local catalogue, prefix, extent = KEYS[1], ARGV[1], ARGV[2]

local held_prefix, clear_prefix = prefix .. 'held:', prefix .. 'clear:'
local held_names, clear_names, places = {}, {}, 0
for position = 3, #ARGV, 2 do
    for day in string.gmatch(ARGV[position], '%S+') do
        local ending = ':' .. day
        for resource in string.gmatch(ARGV[position + 1], '%S+') do
            places = places + 1
            held_names[places] = held_prefix .. resource .. ending
            clear_names[places] = clear_prefix .. resource .. ending
        end
    end
end
local reply, length = {'DAYS', integer(redis_ms()), redis.call('GET', catalogue) or '', '0'}, 4
if places > 0 then
    if extent == 'all' then
        local held = redis.call('MGET', unpack(held_names))
        for place = 1, places do
            if held[place] then
                reply[length + 1] = integer(place - 1)
                reply[length + 2] = held[place]
                length = length + 2
            end
        end
    end
    reply[4] = integer((length - 4) / 2)
    local clear = redis.call('MGET', unpack(clear_names))
    for place = 1, places do
        reply[length + place] = clear[place] or ''
    end
end
return reply
