#!/usr/bin/env bash
# One edge that has seen very many clients, and nothing to do: bash load/crowd/run.sh small|full
# Memory and processor time of the published binary, before and after. `small` has 50 000 clients, `full` a million and takes about five
# minutes. Prints a table and keeps it in load/results/. Needs redis-server, redis-cli, nginx and wrk.
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  small) clients=50000 idle=15 ;;
  full) clients=1000000 idle=60 ;;
  *) usage "small|full" ;;
esac
need redis-server redis-cli nginx wrk dotnet

good=$(free_port) store=$(free_port) traffic=$(free_port) admin=$(free_port)
publish src/EdgeProxy

start_nginx upstream "server { listen 127.0.0.1:$good; default_type text/plain; return 200 ok; }"
redis-server --port "$store" --save "" --appendonly no >"$work/redis.log" &
pids+=($!)
mkdir "$work/config"
cat >"$work/config/edgeproxy.json" <<EOF
{ "Edge": { "Listen": [ "http://127.0.0.1:$traffic" ], "Admin": { "Listen": "http://127.0.0.1:$admin" },
    "Store": { "Redis": "127.0.0.1:$store" } },
  "RateLimits": { "day": { "Per": "Header:X-Client", "Limits": [ { "Name": "day", "Capacity": 100, "Refill": 100, "Every": "1d" } ] } },
  "ReverseProxy": { "Routes": { "all": { "ClusterId": "up", "Match": { "Path": "/{**rest}" }, "RateLimiterPolicy": "day" } },
    "Clusters": { "up": { "Destinations": { "a": { "Address": "http://127.0.0.1:$good/" } } } } } }
EOF
"$work/EdgeProxy/edgeproxy" run --config "$work/config" >"$work/edge.log" 2>&1 &
edge=$!
pids+=("$edge")
for _ in {1..200}; do
  grep -q 'Ready:' "$work/edge.log" && break
  sleep 0.1
done

ticks() { awk '{print $14 + $15}' "/proc/$edge/stat"; }
switches() { awk '/ctxt_switches/ {n += $2} END {print n}' "/proc/$edge"/task/*/status; }
measure() { # NAME
  local cpu wakes keys
  keys=$(redis-cli -p "$store" dbsize)
  cpu=$(ticks) wakes=$(switches)
  sleep "$idle"
  awk -v name="$1" -v keys="$keys" -v cpu=$(($(ticks) - cpu)) -v wakes=$(($(switches) - wakes)) -v time="$idle" \
    -v hertz="$(getconf CLK_TCK)" -v memory="$(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$edge/status")" \
    'BEGIN {printf "| %s | %d | %d | %.2f | %.0f |\n", name, keys, memory, 100 * cpu / hertz / time, wakes / time}'
}

result=$(result_of "crowd-$1")
{
  echo "# An edge that has seen many clients, $1: commit $commit"
  echo
  echo "Command: \`bash load/crowd/run.sh $1\`. Machine: $(machine);"
  echo "load average at the start: $(load_average)."
  echo "What the columns say: load/README.md."
  echo
  echo "| edge | keys in Redis | MB resident | idle, % of a core | wake-ups/s |"
  echo "|---|--:|--:|--:|--:|"
  sleep 20
  measure "has seen nobody"
  for _ in {1..60}; do
    [ "$(redis-cli -p "$store" dbsize)" -lt "$clients" ] || break
    wrk -t2 -c32 -d5 -s load/crowd/clients.lua "http://127.0.0.1:$traffic/" >>"$work/wrk.log"
  done
  sleep 20
  measure "has seen them all"
} | tee "$result"
echo "kept in $result" >&2
