-- Takes tokens from several buckets, from all or from none. Buckets in shadow are taken from each for itself, once all others admit.
-- KEYS: one bucket a policy.
-- ARGV: cost in microtokens (negative gives back), then for each key: 1 in shadow else 0, number of limits, and for each limit:
--   tag, capacity in microtokens, microtokens gained, in so many microseconds. At the end, in tests only: the time in microseconds.
-- State: cmsgpack array: format 1, time, number of limits, then tag and level of each. What follows is left for later formats.
-- Reply: for each key: 1 admitted, 0 refused, 2 left alone since another refused; then the level of each limit.
local cost, at = tonumber(ARGV[1]), 2
local buckets, admitted, reply = {}, true, {}
for i = 1, #KEYS do
  local shadow, k, limits = ARGV[at] == '1', tonumber(ARGV[at + 1]), {}
  at = at + 2
  for j = 1, k do
    limits[j] = { tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]) }
    at = at + 4
  end
  buckets[i] = { shadow = shadow, limits = limits }
end
local now = tonumber(ARGV[at])
if not now then
  local t = redis.call('TIME')
  now = (t[1] - 1577836800) * 1000000 + t[2]
end

for i, b in ipairs(buckets) do
  local raw, known, time = redis.pcall('GET', KEYS[i]), {}, now
  local ok, s = pcall(cmsgpack.unpack, raw)
  b.fresh = not (ok and type(s) == 'table' and s[1] == 1)
  if not b.fresh then
    time = s[2]
    for j = 1, s[3] do known[s[2 + 2 * j]] = s[3 + 2 * j] end
  end
  -- Time never moves back; a bucket from far ahead comes from a clock that was wrong, and goes on from now.
  if time - now > 2000000 then time = now end
  b.time = math.max(now, time)
  b.levels, b.admits = {}, true
  for j, l in ipairs(b.limits) do
    local level = known[l[1]] or l[2]
    level = math.min(l[2], level + math.min(l[2], math.floor((b.time - time) * l[3] / l[4])))
    b.levels[j] = level
    if level < cost then b.admits = false end
  end
  if not b.admits and not b.shadow then admitted = false end
end

for i, b in ipairs(buckets) do
  if not b.admits then reply[#reply + 1] = 0
  elseif not admitted then reply[#reply + 1] = 2
  else
    reply[#reply + 1] = 1
    local state, full = { 1, b.time, #b.limits }, 0
    for j, l in ipairs(b.limits) do
      b.levels[j] = math.min(l[2], b.levels[j] - cost)
      state[2 + 2 * j], state[3 + 2 * j] = l[1], b.levels[j]
      full = math.max(full, (l[2] - b.levels[j]) * l[4] / l[3])
    end
    -- Kept until it is full and a second more: who comes back later finds a full bucket anyway. Nothing to give back to is full too.
    if cost > 0 or not b.fresh then
      redis.call('SET', KEYS[i], cmsgpack.pack(state), 'PX', string.format('%.0f', math.ceil((full + b.time - now) / 1000) + 1000))
    end
  end
  for j = 1, #b.limits do reply[#reply + 1] = b.levels[j] end
end
return reply
