-- Looks at a bucket, and gives it back full if told so: as full as leases leave room for. It is written then, never deleted: a bucket
-- that is not there while a node holds a lease on it passes for lost.
-- KEYS[1] the bucket. ARGV: 1 give back full, 0 only look; limits. At the end, in tests only: the time.
-- Reply: held by all nodes, nodes that hold tokens, time; then the level of each limit.
local limits, at = read_limits(2)
local b = open(KEYS[1], limits, read_clock(ARGV[at]))
if ARGV[1] == '1' then
  for i, l in ipairs(limits) do b.levels[i] = math.max(0, l.capacity - b.held) end
  b.others = {}
  if not b.fresh then save(KEYS[1], b) end
end
local nodes = 0
for _, r in ipairs(b.leases) do if r.held > 0 then nodes = nodes + 1 end end
local reply = { b.held, nodes, b.time }
for i = 1, #limits do reply[3 + i] = b.levels[i] end
return reply
