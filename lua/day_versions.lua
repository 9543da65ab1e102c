-- Read the versions of staff-days before their fill is read from Postgres. An absent one is made, so that "absent" is
-- never equal to "absent" after everything was lost.
--
-- KEYS[1]  catalogue
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… resource, UTC day, for each staff-day
--
-- {VERSIONS, now (ms), version of the catalogue, version of each staff-day…}
--
-- Writes absent versions. Cost: one read per staff-day.

--@include shared/days
--@include shared/entries

local catalogue, prefix = KEYS[1], ARGV[1]

local reply = {'VERSIONS', integer(redis_ms()), version_of(catalogue)}
for position = 2, #ARGV, 2 do
    reply[#reply + 1] = version_of(prefix .. 'version:' .. ARGV[position] .. ':' .. ARGV[position + 1])
end
return reply
