-- Redis without memory to spare (maxmemory, noeviction) refuses the first write of a script if it could take memory, and no
-- later one: whether memory is short is found out before the script begins. So the first write decides whether all of the
-- script is done or nothing, and each script that writes opens its writes with one of these two, which change nothing.
-- `key` names the shard; what they touch is never there.

-- Before writes that keep something new: where memory is short, the script ends here with an error (OOM), and nothing is
-- written.
local function require_memory(key)
    redis.call('SETRANGE', key .. ':nothing', 0, '')
end

-- Before writes that end something, free memory or keep to a bound of their own: they are done also where memory is short.
local function go_on_without_memory(key)
    redis.call('DEL', key .. ':nothing')
end
