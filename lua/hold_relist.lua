-- Put holds back into live that have left it without an end: none is missing there but by a loss of keys.
--
-- KEYS[1]  live
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]… id, for each hold
--
-- {RELISTED, how many were missing, the latest deadline (ms) of those that live or are to be reported; 0: there are none}
--
-- Writes live and budgets; where memory is short, nothing. Cost: the holds that are named. Safe to repeat.

--@include shared/entries
--@include shared/holds
--@include shared/memory

local now = redis_ms()
local missing, latest = 0, 0
for position = 2, #ARGV do
    local id = ARGV[position]
    local key = ARGV[1] .. 'hold:' .. id
    local hold = read_hold(key, now)
    local open = hold and hold.state ~= 'confirmed' and redis.call('HGET', key, 'reported') ~= '1'
    if open and hold.deadline > now - UNREPORTED_MS then
        latest = math.max(latest, hold.deadline)
        if not redis.call('ZSCORE', KEYS[1], id) then
            if missing == 0 then require_memory(KEYS[1]) end
            missing = missing + 1
            stay_live(ARGV[1], id, hold, hold.deadline, now)
        end
    end
end
return {'RELISTED', missing, integer(latest)}
