-- Buckets and the leases on them: what all scripts that work on buckets begin with. Amounts in microtokens, times in microseconds.
-- State: cmsgpack array: format 3, time, number of limits, of each: tag, level, at which time, when it is full for sure; then for each
--   lease: node, tokens held, when it runs out, number of the question, how much that granted, demand.
--   Formats 1 and 2 had tags and levels alone, and 1 no leases.
-- Limits that whoever asks does not have are kept until they are full: nodes may have different files for a while, and each name of a
-- limit would be full again whenever the other one had been asked for.
-- What is held goes on taking room: a bucket refills up to capacity - held. Were it not so, a lease spent late would come on top of
-- what has refilled meanwhile. A lease that has run out counts as spent. Levels are below 0 while what was
-- spent afterwards is being paid back.

local most_others = 8

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

-- A level may be above the room that leases leave where its limit has been made smaller, or is new: nodes that know it so do not spend what
-- they were lent before, but the store cannot tell what they had spent by then. It falls to the capacity and gains nothing meanwhile.
local function refill(b, to)
  for i, l in ipairs(b.limits) do
    local room = l.capacity - b.held
    b.levels[i] = math.min(math.max(room, math.min(l.capacity, b.levels[i])), b.levels[i] + math.floor((to - b.from[i]) * l.gain / l.per))
    b.from[i] = to
  end
  b.time = to
end

-- The bucket as it is now, and as nobody has written it yet.
local function open(key, limits, now)
  local b = { limits = limits, levels = {}, from = {}, others = {}, leases = {}, held = 0, time = now, now = now, fresh = true }
  local known, at = {}, 0
  local ok, s = pcall(cmsgpack.unpack, redis.pcall('GET', key))
  if ok and type(s) == 'table' and (s[1] == 1 or s[1] == 2 or s[1] == 3) then
    local size = s[1] == 3 and 4 or 2
    b.fresh, at = false, 4 + size * s[3]
    -- Time never moves back; a bucket from far ahead comes from a clock that was wrong, and goes on from now.
    local ahead = s[2] - now > 2000000 and s[2] - now or 0
    b.time = s[2] - ahead
    for i = 4, at - size, size do
      local is_new = size == 4
      known[s[i]] = { level = s[i + 1], from = is_new and s[i + 2] - ahead or b.time, full = is_new and s[i + 3] - ahead or 0 }
    end
    for i = at, #s, 6 do
      b.leases[#b.leases + 1] = {
        node = s[i], held = s[i + 1], ends = s[i + 2] - ahead, seq = s[i + 3], grant = s[i + 4], demand = s[i + 5]
      }
      b.held = b.held + s[i + 1]
    end
  end
  for i, l in ipairs(limits) do
    local one = known[l.tag] or { level = l.capacity, from = b.time }
    b.levels[i], b.from[i], known[l.tag] = one.level, one.from, nil
  end
  for tag, one in pairs(known) do
    one.tag = tag
    if one.full > now then b.others[#b.others + 1] = one end
  end
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
  local s, full, last = { 3, b.time, #b.limits }, 0, b.time
  for _, r in ipairs(b.leases) do last = math.max(last, r.ends) end
  for i, l in ipairs(b.limits) do
    local fills, n = (l.capacity - b.levels[i]) * l.per / l.gain, #s
    s[n + 1], s[n + 2], s[n + 3], s[n + 4] = l.tag, b.levels[i], b.time, math.ceil(last + math.max(0, fills))
    full = math.max(full, fills)
  end
  table.sort(b.others, function(x, y) return x.full > y.full end)
  for i = 1, math.min(most_others, #b.others) do
    local o, n = b.others[i], #s
    s[3], s[n + 1], s[n + 2], s[n + 3], s[n + 4] = s[3] + 1, o.tag, o.level, o.from, o.full
    full = math.max(full, o.full - last)
  end
  for _, r in ipairs(b.leases) do
    local n = #s
    s[n + 1], s[n + 2], s[n + 3], s[n + 4], s[n + 5], s[n + 6] = r.node, r.held, r.ends, r.seq, r.grant, r.demand
  end
  local left = math.min(math.ceil((last - b.now + full) / 1000) + 1000, 1e14)
  redis.call('SET', key, cmsgpack.pack(s), 'PX', string.format('%.0f', left))
end
