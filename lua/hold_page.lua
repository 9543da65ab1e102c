-- Read a page of the live holds, in the order in which they end.
--
-- KEYS[1]  live
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  deadline of the hold to go on after, ms, as it stood in live; 0 for the first page
-- ARGV[3]  id of that hold, or ''
-- ARGV[4]  how many at most
--
-- {PAGE, now (ms), (deadline in live, id, state, deadline, limit, body, choice, claims, appointment)…}
--   state: '' and the others '' or 0 where there is no record
--
-- A hold that is extended meanwhile moves to a later page: it may come twice, and none is passed over. Writes nothing.
-- Cost: log(live holds), and the holds of the page; those that end in the very millisecond of the one to go on after too.

--@include shared/entries
--@include shared/holds

local prefix, after, after_id, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])

local now = redis_ms()
local from = integer(math.max(after, now + 1))
local reply, count, offset = {'PAGE', integer(now)}, 0, 0
local none = {state = '', deadline = 0, limit = 0, body = '', choice = '', claims = '', appointment = ''}
while count < most do
    local members = redis.call('ZRANGEBYSCORE', KEYS[1], from, '+inf', 'WITHSCORES', 'LIMIT', offset, most)
    if #members == 0 then break end
    for index = 1, #members, 2 do
        local id, listed = members[index], tonumber(members[index + 1])
        if count < most and (listed > after or id > after_id) then
            local hold = read_hold(prefix .. 'hold:' .. id, now) or none
            for _, value in ipairs({integer(listed), id, hold.state, integer(hold.deadline), integer(hold.limit),
                hold.body, hold.choice, hold.claims, hold.appointment}) do
                reply[#reply + 1] = value
            end
            count = count + 1
        end
    end
    offset = offset + #members / 2
end
return reply
