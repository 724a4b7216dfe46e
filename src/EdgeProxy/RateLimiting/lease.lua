-- Spends tokens for requests that wait at a node, and lends it some to spend without asking.
-- KEYS[1] the bucket.
-- ARGV: node, seq, ack, need, first, want, demand, unspent, returned, debt, known, how long a lease lasts, the fraction of a bucket that
--   nodes may hold, the fewest tokens worth lending, limits, deficit under each limit. At the end, in tests only: the time.
-- Reply: 0 done or -1 a question of this number or a later one has been answered before; got, granted, time until the first may be
--   met, held by all nodes, time, nodes that hold tokens and this one; then the level of each limit.
local node, seq, ack = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local need, first, want, demand = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local unspent, returned, debt, known = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11] == '1'
local lasts, hoard, fewest = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14])
local limits, at = read_limits(15)
local b = open(KEYS[1], limits, read_clock(ARGV[at + #limits]))

local mine, others, demands, smallest = nil, 0, 0, math.huge
for i, r in ipairs(b.leases) do
  if r.node == node then mine = i else
    demands = demands + r.demand
    if r.held > 0 then others = others + 1 end
  end
end
for i, l in ipairs(limits) do smallest = math.min(smallest, l.capacity) end

local function answer(status, got, granted, retry)
  local reply = { status, got, granted, retry, b.held, b.time, others + 1 }
  for i = 1, #limits do reply[7 + i] = b.levels[i] end
  return reply
end

-- What this node holds: what is not unspent, returned or never reached it has been spent. An answer to a later question than the last
-- one that is known here says that this one's grant had its time: refusals are not written, and a store may have gone back in time.
local back, changed = 0, false
mine = mine and b.leases[mine]
if mine and seq <= mine.seq then return answer(-1, 0, 0, 0) end
if mine then
  for i, r in ipairs(b.leases) do if r == mine then table.remove(b.leases, i) break end end
  b.held = b.held - mine.held
  local lost = ack < mine.seq and math.min(mine.grant, mine.held) or 0
  unspent = math.min(unspent, mine.held - lost)
  back = lost + math.min(returned, mine.held - lost - unspent)
  changed = mine.held > 0
elseif known and unspent > 0 then
  -- The store has lost what it knew. What the node holds takes room again; a bucket that is not there at all was not full.
  changed = true
  for i, l in ipairs(limits) do
    b.levels[i] = b.fresh and 0 or math.min(b.levels[i], l.capacity - b.held - unspent)
  end
else
  unspent = 0
end

local free = math.huge
for i, l in ipairs(limits) do
  local owed = debt + tonumber(ARGV[at + i - 1])
  local room = math.max(b.levels[i], l.capacity - b.held - unspent)
  local level = math.min(room, b.levels[i] + back)
  b.levels[i] = math.min(owed < 0 and room or level, math.max(-l.capacity, level - owed))
  changed = changed or owed ~= 0
  free = math.min(free, b.levels[i])
end

local got, granted, retry = 0, 0, 0
if need > 0 and free >= first then
  got = free >= need and need or free - free % first
elseif need > 0 then
  for i, l in ipairs(limits) do
    retry = math.max(retry, math.ceil((first - b.levels[i]) * l.per / l.gain))
    -- Refilling does not bring it while others hold so much.
    if first > l.capacity - b.held - unspent and b.leases[1] then retry = math.max(retry, b.leases[1].ends - b.time) end
  end
end
free = free - got
if want > 0 and free > 0 then
  local share = free / 2
  if demands > 0 then share = math.max(free * demand / (demand + demands), free / (2 * (others + 1))) end
  granted = math.min(want, share, math.floor(smallest * hoard) - b.held - unspent)
  granted = granted - granted % 1000000
  if granted < fewest then granted = 0 end
end

if got > 0 or granted > 0 or changed then
  for i = 1, #limits do b.levels[i] = b.levels[i] - got - granted end
  local held = unspent + granted
  if held > 0 or want > 0 then
    b.leases[#b.leases + 1] = { node = node, held = held, ends = b.time + lasts, seq = seq, grant = granted, demand = demand }
    b.held = b.held + held
  end
  save(KEYS[1], b)
elseif mine then
  b.held = b.held + mine.held
end
return answer(0, got, granted, retry)
