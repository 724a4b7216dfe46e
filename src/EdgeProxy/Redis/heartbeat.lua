-- Says that a node lives, and asks how many do. It writes, so that a store which takes no writes does not pass for healthy.
-- KEYS[1] the nodes, by when they were last heard of (ms). ARGV[1] this node.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
-- What stands there and was not written by an edge goes, as with buckets: else the store would pass for broken for ever.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then redis.call('DEL', KEYS[1]) end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 4000)
redis.call('PEXPIRE', KEYS[1], 60000)
return redis.call('ZCARD', KEYS[1])
