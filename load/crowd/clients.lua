-- Each request comes from a client that was never seen before.
local threads = 0

function setup(thread)
  thread:set("id", os.time() .. "-" .. threads)
  threads = threads + 1
end

local requests = 0

function request()
  requests = requests + 1
  wrk.headers["X-Client"] = id .. "-" .. requests
  return wrk.format("GET", "/")
end
