-- Forget what a committed change made untrue, and refuse every fill that was read before it.
--
-- KEYS[1]  catalogue
-- ARGV[1]  prefix of the business's keys
-- ARGV[2]  the commit that made the change, or '' for a writer that is not the engine
-- ARGV[3]  settle: the engine does this for its own commit, which is remembered;
--          begin: so does this, and a later call says the rest of the commit;
--          invalidate: the invalidator does, and passes over a commit that was settled
-- ARGV[4]  how long a settled commit is remembered, ms
-- ARGV[5]  1 when the catalogue of the business changed, else 0
-- ARGV[6]… resource, UTC day, for each staff-day that changed
--
-- {DONE}
-- {SETTLED}  the commit was settled before: nothing to do
--
-- Deletes clear:*, changes version:* and the catalogue's version, writes operation:<commit>, also where memory is short.
-- Cost: staff-days. Safe to repeat.

--@include shared/days
--@include shared/memory

local catalogue, prefix, commit, purpose, kept_ms, catalogue_changed = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local remembered = prefix .. 'operation:' .. commit
if purpose == 'invalidate' and commit ~= '' and redis.call('EXISTS', remembered) == 1 then return {'SETTLED'} end
go_on_without_memory(catalogue)
if catalogue_changed == '1' then bump_dropped(catalogue) end
for position = 6, #ARGV, 2 do
    drop_day(prefix, ARGV[position] .. ':' .. ARGV[position + 1])
end
if purpose == 'settle' then redis.call('SET', remembered, '1', 'PX', kept_ms) end
return {'DONE'}
