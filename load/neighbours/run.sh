#!/usr/bin/env bash
# All destinations of one cluster fail under load, while 100 other routes are measured: bash load/neighbours/run.sh
# One edge, one run, about two minutes. wrk asks at a set pace, so that what is slow on one side takes no load off the other. Prints
# and keeps a table in load/results/. Needs nginx, wrk and python3.
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

seconds=${SECONDS_EACH:-10}
need wrk nginx python3 dotnet curl

good=$(free_port) silent=$(free_port) nobody=$(free_port) traffic=$(free_port) admin=$(free_port)

configuration() {
  local i bounds='"Concurrency": { "Max": 50, "Queue": 50, "QueueTimeout": "1s" }, "Timeouts": { "PerTry": "2s" }'
  echo '{ "Edge": { "Listen": [ "http://127.0.0.1:'"$traffic"'" ], "Admin": { "Listen": "http://127.0.0.1:'"$admin"'" } },'
  echo '"ReverseProxy": { "Routes": {'
  for i in {1..100}; do
    echo "\"r$i\": { \"ClusterId\": \"c$((i % 10))\", \"Match\": { \"Path\": \"/r/$i\" }, \"Timeout\": \"15s\" },"
  done
  for i in well silent silent-no-breaker refused 503; do
    echo "\"$i\": { \"ClusterId\": \"$i\", \"Match\": { \"Path\": \"/t/$i\" }, \"Timeout\": \"5s\" },"
  done
  echo '}, "Clusters": {'
  for i in {0..9}; do echo "\"c$i\": { \"Destinations\": { \"a\": { \"Address\": \"http://127.0.0.1:$good/ok\" } } },"; done
  cluster() { # ID PORT PATH KEYS
    echo "\"$1\": { $bounds $4, \"Destinations\": {"
    echo "\"a\": { \"Address\": \"http://127.0.0.1:$2/$3\" }, \"b\": { \"Address\": \"http://127.0.0.2:$2/$3\" } } },"
  }
  cluster well "$good" ok ''
  cluster silent "$silent" x ''
  cluster silent-no-breaker "$silent" x ', "CircuitBreaker": { "Enabled": false }'
  cluster refused "$nobody" x ''
  cluster 503 "$good" unavailable ''
  echo '} } }'
}

publish src/EdgeProxy

start_nginx upstream "server { listen 127.0.0.1:$good; listen 127.0.0.2:$good; default_type text/plain;
  location /ok { return 200 '$(printf 'x%.0s' {1..128})'; } location /unavailable { return 503 no; } }"
# The kernel takes connections and bytes, and nobody ever answers.
python3 -c "
import signal, socket
listeners = [socket.create_server((address, $silent), backlog=4096) for address in ('127.0.0.1', '127.0.0.2')]
signal.pause()" &
pids+=($!)
mkdir "$work/config"
configuration >"$work/config/edgeproxy.json"
"$work/EdgeProxy/edgeproxy" run --config "$work/config" >"$work/edge.log" 2>&1 &
edge=$!
pids+=("$edge")
for _ in {1..200}; do
  curl -sf -o /dev/null "http://127.0.0.1:$admin/readyz" && break
  sleep 0.1
done
curl -sf -o /dev/null "http://127.0.0.1:$traffic/r/1" || { cat "$work"/*.log >&2; exit 1; }

cpu_ticks() { sed 's/^.*) //' "/proc/$edge/stat" | awk '{ print $12 + $13 }'; }
memory() { awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$edge/status"; }
errors() { curl -s "http://127.0.0.1:$admin/metrics" | sed -n 's/^edgeproxy_errors_total{code="\([a-z_]*\)".*} \([0-9]*\)$/\1 \2/p'; }
milliseconds() { awk -v t="$1" 'BEGIN { n = t + 0; print (t ~ /us$/) ? n / 1000 : (t ~ /ms$/) ? n : n * 1000 }'; }
field() { milliseconds "$(awk -v p="$1" '$1 == p { print $2 }' "$2")"; }
rate() { awk '/^Requests\/sec/ { printf "%.0f", $2 }' "$1"; }
bad() { awk '/Non-2xx/ { e += $NF } /Socket errors/ { gsub(",", ""); e += $4 + $6 + $8 + $10 } END { print e + 0 }' "$1"; }

measure() { # NAME ROUTE SECONDS: a row; the others at about 500/s, the route in trouble at up to 1000/s from 200 connections
  local before after inside=0 now codes rest
  errors >"$work/before"
  before=$(cpu_ticks)
  wrk -t1 -c20 "-d${3}s" --timeout 30s --latency -s load/neighbours/paced.lua "http://127.0.0.1:$traffic" -- /r/ 100 40 \
    >"$work/others" &
  rest=$!
  wrk -t1 -c200 "-d${3}s" --timeout 30s --latency -s load/neighbours/paced.lua "http://127.0.0.1:$traffic" -- "/t/$2" 1 200 \
    >"$work/trouble" &
  rest="$rest $!"
  for ((i = 0; i < $3 - 1; i++)); do
    sleep 1
    now=$(curl -s "http://127.0.0.1:$admin/metrics" | sed -n "s/^edgeproxy_requests_in_flight{route=\"$2\"} //p")
    ((now > inside)) && inside=$now
  done
  wait $rest
  after=$(cpu_ticks)
  errors >"$work/after"
  codes=$(awk 'FILENAME == ARGV[1] { b[$1] += $2; next } { a[$1] += $2 } END { for (c in a) if (a[c] > b[c]) printf "%s %d, ", c, a[c] - b[c] }' \
    "$work/before" "$work/after")
  printf '| %s | %s | %.3g | %.3g | %s | %s | %.3g | %s | %s | %.0f | %s |\n' "$1" \
    "$(rate "$work/others")" "$(field 50% "$work/others")" "$(field 99% "$work/others")" "$(bad "$work/others")" \
    "$(rate "$work/trouble")" "$(field 99% "$work/trouble")" "${codes%, }" "$inside" \
    "$(awk -v t=$((after - before)) -v s="$3" -v hz="$(getconf CLK_TCK)" 'BEGIN { print t / hz / s * 100 }')" "$(memory)"
}

echo "warming up" >&2
measure warm well 8 >/dev/null
result=$(result_of neighbours)
{
  echo "# A cluster in trouble beside 100 other routes: commit $commit"
  echo
  echo "Command: \`bash load/neighbours/run.sh\`; $seconds s each, one edge, in this order, after 8 s of warming up."
  echo "Machine: $(machine);"
  echo "load average at the start: $(load_average). Clients, edge and upstreams share it."
  echo "What the columns say: load/README.md."
  echo
  echo "| all destinations of the cluster | others/s | p50 ms | p99 ms | failed | cluster's/s | p99 ms |" \
    "answers of the edge | in flight | CPU % | MB |"
  echo "|---|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|"
  measure "answer" well "$seconds"
  measure "are silent; breakers off, bounds alone" silent-no-breaker "$seconds"
  measure "answer" well "$seconds"
  measure "are silent" silent "$seconds"
  measure "answer" well "$seconds"
  measure "refuse connections" refused "$seconds"
  measure "answer" well "$seconds"
  measure "answer 503" 503 "$seconds"
  measure "answer" well "$seconds"
} | tee "$result"
echo "kept in $result" >&2
