-- Buckets and the leases on them: what all scripts that work on buckets begin with. Amounts in microtokens, times in microseconds.
-- State: cmsgpack array: format 2, time, number of limits, tag and level of each, then for each lease:
--   node, tokens held, when it runs out, number of the question, how much that granted, demand. Format 1 had no leases.
-- What is held goes on taking room: a bucket refills up to capacity - held. Were it not so, a lease spent late would come on top of
-- what has refilled meanwhile. A lease that has run out counts as spent. Levels are below 0 while more is held than a bucket made
-- smaller has room for, or while what was spent afterwards is being paid back.

-- The store's time; another only in tests.
local function read_clock(given)
  if given then return tonumber(given) end
  local t = redis.call('TIME')
  return (t[1] - 1577836800) * 1000000 + t[2]
end

-- Number of limits, then for each: tag, capacity, gained, in so many microseconds. Returns what stands behind them, too.
local function read_limits(at)
  local limits = {}
  for i = 1, tonumber(ARGV[at]) do
    limits[i] = {
      tag = tonumber(ARGV[at + 1]), capacity = tonumber(ARGV[at + 2]), gain = tonumber(ARGV[at + 3]), per = tonumber(ARGV[at + 4])
    }
    at = at + 4
  end
  return limits, at + 1
end

local function refill(b, to)
  for i, l in ipairs(b.limits) do
    local room = l.capacity - b.held
    b.levels[i] = math.min(room, b.levels[i] + math.floor((to - b.time) * l.gain / l.per))
  end
  b.time = to
end

-- The bucket as it is now, and as nobody has written it yet.
local function open(key, limits, now)
  local b = { limits = limits, levels = {}, leases = {}, held = 0, time = now, now = now, fresh = true }
  local known, at = {}, 0
  local ok, s = pcall(cmsgpack.unpack, redis.pcall('GET', key))
  if ok and type(s) == 'table' and (s[1] == 1 or s[1] == 2) then
    b.fresh, at = false, 4 + 2 * s[3]
    for i = 4, at - 2, 2 do known[s[i]] = s[i + 1] end
    -- Time never moves back; a bucket from far ahead comes from a clock that was wrong, and goes on from now.
    local ahead = s[2] - now > 2000000 and s[2] - now or 0
    b.time = s[2] - ahead
    for i = at, #s, 6 do
      b.leases[#b.leases + 1] = {
        node = s[i], held = s[i + 1], ends = s[i + 2] - ahead, seq = s[i + 3], grant = s[i + 4], demand = s[i + 5]
      }
      b.held = b.held + s[i + 1]
    end
  end
  for i, l in ipairs(limits) do b.levels[i] = known[l.tag] or l.capacity end
  -- Up to the end of each lease it takes room, and none after.
  now = math.max(now, b.time)
  table.sort(b.leases, function(x, y) return x.ends < y.ends end)
  while b.leases[1] and b.leases[1].ends <= now do
    local lease = table.remove(b.leases, 1)
    refill(b, math.max(b.time, lease.ends))
    b.held = b.held - lease.held
  end
  refill(b, now)
  return b
end

-- Kept until it is full for sure and a second more: who comes back later finds a full bucket anyway. A bucket may stand still until
-- the last lease on it has run out, and take its whole time to fill after that.
local function save(key, b)
  local s, full, last = { 2, b.time, #b.limits }, 0, b.time
  for i, l in ipairs(b.limits) do
    s[#s + 1], s[#s + 2] = l.tag, b.levels[i]
    full = math.max(full, (l.capacity - b.levels[i]) * l.per / l.gain)
  end
  for _, r in ipairs(b.leases) do
    local n = #s
    s[n + 1], s[n + 2], s[n + 3], s[n + 4], s[n + 5], s[n + 6] = r.node, r.held, r.ends, r.seq, r.grant, r.demand
    last = math.max(last, r.ends)
  end
  local left = math.min(math.ceil((last - b.now + full) / 1000) + 1000, 1e14)
  redis.call('SET', key, cmsgpack.pack(s), 'PX', string.format('%.0f', left))
end
