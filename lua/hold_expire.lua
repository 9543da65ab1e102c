-- Read the holds whose deadline has passed, for one process at a time to report, and count those that live.
--
-- KEYS[1]  live
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  the process that asks, by a name that no other one ever has
-- ARGV[3]  for how long no other process is given them, ms
-- ARGV[4]  how many at most, the longest expired first
--
-- {OVERDUE, how many live, now (ms), (member of live, id, state, deadline, limit, body, choice, claims, appointment)…}
--   state: '' and the others '' or 0 when there is nothing to report: it was given up or placed anew after its
--   deadline, or was reported before
-- {LEASED, how many live, now (ms)}  another process is reporting them
--
-- Writes lease:expiry where any are overdue, also where memory is short; a deadline in live that is not the record's is
-- made that. hold_report takes them out of live, so what is not reported is told again. Cost: the holds that are told.
-- Safe to repeat.

--@include shared/entries
--@include shared/holds
--@include shared/memory

local prefix, now, lease = ARGV[1], redis_ms(), ARGV[1] .. 'lease:' .. 'expiry'
local later = '(' .. integer(now)
local lives = integer(redis.call('ZCOUNT', KEYS[1], later, '+inf'))
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', integer(now), 'LIMIT', 0, ARGV[4])
if #members == 0 then return {'OVERDUE', lives, integer(now)} end
local reporter = redis.call('GET', lease)
if reporter and reporter ~= ARGV[2] then return {'LEASED', lives, integer(now)} end
go_on_without_memory(KEYS[1])
redis.call('SET', lease, ARGV[2], 'PX', ARGV[3])

local reply = {'OVERDUE', lives, integer(now)}
local function tell(member, id, hold)
    for _, value in ipairs({member, id, hold.state, integer(hold.deadline), integer(hold.limit), hold.body, hold.choice,
        hold.claims, hold.appointment}) do
        reply[#reply + 1] = value
    end
end
local none = {state = '', deadline = 0, limit = 0, body = '', choice = '', claims = '', appointment = ''}
for _, member in ipairs(members) do
    -- A member with a blank was placed anew under its id: what stands in the record is another life.
    local id = string.match(member, '^%S+') or ''
    local key = prefix .. 'hold:' .. id
    local hold = id == member and read_hold(key, now) or none
    -- Version 0.1 notes its reports in the record, and leaves the member to be counted.
    if hold.deadline <= now and redis.call('HGET', key, 'reported') == '1' then hold = none end
    if hold.state ~= 'confirmed' and hold.deadline > now then
        redis.call('ZADD', KEYS[1], integer(hold.deadline), member)
    else
        tell(member, id, hold)
    end
end
return reply
