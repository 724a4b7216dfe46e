-- wrk: each connection asks once in `pause` milliseconds, for the paths of `prefix` in turn: -- PREFIX COUNT PAUSE
local prefix, count, pause, at = "/", 1, 10, 0

function init(args)
  prefix, count, pause = args[1], tonumber(args[2]), tonumber(args[3])
  at = math.random(count)
end

function delay()
  return math.random(pause * 2) -- so that connections do not fall into step
end

function request()
  at = at % count + 1
  return wrk.format("GET", count == 1 and prefix or prefix .. at)
end
