-- Takes tokens from several buckets, from all or from none. Buckets in shadow are taken from each for itself, once all others admit.
-- KEYS: one bucket a policy.
-- ARGV: for each key: mode, cost (negative gives back), limits. At the end, in tests only: the time.
--   Modes: 0 decide; 1 in shadow; 2 charge what has been spent already: always admitted, and the level may fall to -capacity.
-- Reply: for each key: 1 admitted, 0 refused, 2 left alone since another refused; then the level of each limit.
local buckets, admitted, reply, at = {}, true, {}, 1
for i = 1, #KEYS do
  local mode, cost, limits = ARGV[at], tonumber(ARGV[at + 1]), nil
  limits, at = read_limits(at + 2)
  buckets[i] = { mode = mode, cost = cost, limits = limits }
end
local now = read_clock(ARGV[at])

for i, take in ipairs(buckets) do
  local b = open(KEYS[i], take.limits, now)
  take.bucket, take.admits = b, true
  for j = 1, #b.limits do
    if b.levels[j] < take.cost and take.mode ~= '2' then take.admits = false end
  end
  if not take.admits and take.mode ~= '1' then admitted = false end
end

for i, take in ipairs(buckets) do
  local b = take.bucket
  if not take.admits then reply[#reply + 1] = 0
  elseif not admitted then reply[#reply + 1] = 2
  else
    reply[#reply + 1] = 1
    for j, l in ipairs(b.limits) do
      local least = take.mode == '2' and -l.capacity or 0
      b.levels[j] = math.max(math.min(b.levels[j], least), math.min(math.max(b.levels[j], l.capacity - b.held), b.levels[j] - take.cost))
    end
    -- Nothing to give back to is full.
    if take.cost > 0 or not b.fresh then save(KEYS[i], b) end
  end
  for j = 1, #b.limits do reply[#reply + 1] = b.levels[j] end
end
return reply
