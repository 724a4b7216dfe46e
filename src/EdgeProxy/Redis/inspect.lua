-- What this server does when it is short of memory; empty where it may not be asked.
-- KEYS[1] any key that it keeps.
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then return '' end
return string.match(info, 'maxmemory_policy:([%w-]+)') or ''
