#!/usr/bin/env bash
# One edge that has seen very many clients, and nothing to do: bash load/crowd/run.sh small|full
# Memory and processor time of the published binary, before and after. `small` has 50 000 clients, `full` a million and takes about five
# minutes. Prints a table and keeps it in load/results/. Needs redis-server, redis-cli, nginx and wrk.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

case ${1:-} in
  small) clients=50000 idle=15 ;;
  full) clients=1000000 idle=60 ;;
  *) echo "usage: bash load/crowd/run.sh small|full" >&2; exit 2 ;;
esac
for tool in redis-server redis-cli nginx wrk dotnet; do
  command -v "$tool" >/dev/null || { echo "load/crowd/run.sh: $tool is missing" >&2; exit 1; }
done

work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

good=$(free_port) store=$(free_port) traffic=$(free_port) admin=$(free_port)
echo "building" >&2
dotnet publish src/EdgeProxy -c Release -o "$work/edge" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }

printf '%s\n' "worker_processes 1; daemon off; pid $work/nginx.pid; error_log $work/nginx.log;" \
  "events { worker_connections 4096; }" \
  "http { access_log off; keepalive_requests 1000000000; client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work;" \
  "uwsgi_temp_path $work; scgi_temp_path $work; server { listen 127.0.0.1:$good; default_type text/plain; return 200 ok; } }" \
  >"$work/nginx.conf"
nginx -c "$work/nginx.conf" 2>>"$work/nginx.log" &
pids+=($!)
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
"$work/edge/edgeproxy" run --config "$work/config" >"$work/edge.log" 2>&1 &
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

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)
mkdir -p load/results
result="load/results/crowd-$1-$commit.md"
{
  echo "# An edge that has seen many clients, $1: commit $commit"
  echo
  echo "Command: \`bash load/crowd/run.sh $1\`. Machine: $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1),"
  echo "$(uname -sr), .NET $(dotnet --version); load average at the start: $(cut -d' ' -f1-3 /proc/loadavg)."
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
