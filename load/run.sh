#!/usr/bin/env bash
# Measures the edge beside plain YARP and nginx, on this machine and on loopback only: bash load/run.sh small|full [COMMIT]
# With COMMIT the edge of that commit takes part too, and a second table has the ratios of the two edges, pair by pair.
# One nginx is the upstream of all. Every proxy is warmed up once; then they take turns, several rounds, each one alone under
# load by wrk. Prints medians of requests/s, p50, p99 and processor microseconds per request of the proxy's own processes, with
# the ratio to plain YARP, and keeps the table in load/results/. Needs nginx and wrk (Debian's packages of these names).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  small) rounds=3 seconds=4 scenarios=("32 128") ;;
  full) rounds=7 seconds=10 scenarios=("32 128" "256 128" "32 16384") ;; # connections, body bytes
  *) usage "small|full [COMMIT]" ;;
esac
earlier=
[[ -z ${2:-} ]] || earlier=$(git rev-parse --short "$2^{commit}")
need wrk nginx dotnet

wait_for() { # URL
  for _ in {1..200}; do
    curl -sf -o /dev/null "$1" && return
    sleep 0.1
  done
  echo "load/run.sh: $1 does not answer" >&2
  cat "$work"/*.log >&2
  exit 1
}

edge_configuration() { # PORT ROUTE-KEYS
  cat <<JSON
{
  "Edge": { "Listen": [ "http://127.0.0.1:$1" ], "Admin": { "Listen": "http://127.0.0.1:0" } },
  "RateLimits": { "ample": { "Limits": [ { "Name": "sec", "Capacity": 1000000, "Refill": 1000000, "Every": "1s" } ] } },
  "ReverseProxy": {
    "Routes": { "all": { "ClusterId": "app", "Match": { "Path": "/{**rest}" } $2 } },
    "Clusters": { "app": { "Destinations": { "a": { "Address": "http://127.0.0.1:$upstream/" } } } }
  }
}
JSON
}

start_edge() { # NAME PORT ROUTE-KEYS [FOLDER-OF-BINARY]
  mkdir "$work/$1"
  edge_configuration "$2" "$3" >"$work/$1/edgeproxy.json"
  "$work/${4:-EdgeProxy}/edgeproxy" run --config "$work/$1" >"$work/$1.log" 2>&1 &
  pids+=($!)
}

publish src/EdgeProxy
publish load/PlainYarp
if [[ $earlier ]]; then
  mkdir "$work/source" "$work/earlier"
  git archive "$earlier" | tar -x -C "$work/source"
  echo "building $earlier" >&2
  dotnet publish "$work/source/src/EdgeProxy" -c Release -o "$work/earlier" -v q >"$work/build.log" ||
    { cat "$work/build.log" >&2; exit 1; }
fi

upstream=$(free_port)
kilobyte=$(printf 'x%.0s' {1..1024}) # nginx takes texts up to 4 KB, so larger bodies are put together
start_nginx upstream "server { listen 127.0.0.1:$upstream; default_type text/plain; set \$k '$kilobyte';
  location = /128 { return 200 '${kilobyte:0:128}'; }
  location = /16384 { return 200 '$(printf '$k%.0s' {1..16})'; } }"
wait_for "http://127.0.0.1:$upstream/128"

names=() ports=() processes=()
launched() { # NAME PORT: the process started last
  wait_for "http://127.0.0.1:$2/128"
  names+=("$1") ports+=("$2") processes+=("${pids[-1]}")
}

port=$(free_port)
"$work/PlainYarp/plain-yarp" "$port" "http://127.0.0.1:$upstream/" >"$work/plain.log" 2>&1 &
pids+=($!)
launched plain-yarp "$port"
port=$(free_port)
start_edge edge "$port" ""
launched edge "$port"
port=$(free_port)
start_edge edge-limited "$port" ', "RateLimiterPolicy": "ample"'
launched edge-limited "$port"
if [[ $earlier ]]; then
  port=$(free_port)
  start_edge "edge@$earlier" "$port" "" earlier
  launched "edge@$earlier" "$port"
  port=$(free_port)
  start_edge "edge-limited@$earlier" "$port" ', "RateLimiterPolicy": "ample"' earlier
  launched "edge-limited@$earlier" "$port"
fi
port=$(free_port)
start_nginx proxy "upstream app { server 127.0.0.1:$upstream; keepalive 256; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:$port; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ''; } }"
launched nginx "$port"

cpu_ticks() { # PID: user and system time of the process and its children, in clock ticks
  local total=0 pid fields
  for pid in "$1" $(cat "/proc/$1/task/$1/children"); do
    read -r -a fields < <(sed 's/^.*) //' "/proc/$pid/stat")
    total=$((total + fields[11] + fields[12]))
  done
  echo "$total"
}

milliseconds() { # a time as wrk prints it
  awk -v t="$1" 'BEGIN { n = t + 0; print (t ~ /us$/) ? n / 1000 : (t ~ /ms$/) ? n : n * 1000 }'
}

load() { # INDEX CONNECTIONS BYTES: "REQUESTS/S P50 P99 CPU-US ERRORS"
  local before after out requests
  before=$(cpu_ticks "${processes[$1]}")
  out=$(wrk -t1 "-c$2" "-d${seconds}s" --latency "http://127.0.0.1:${ports[$1]}/$3")
  after=$(cpu_ticks "${processes[$1]}")
  requests=$(awk '/requests in/ { print $1 }' <<<"$out")
  echo "$(awk '/^Requests\/sec/ { print $2 }' <<<"$out")" \
    "$(milliseconds "$(awk '$1 == "50%" { print $2 }' <<<"$out")")" \
    "$(milliseconds "$(awk '$1 == "99%" { print $2 }' <<<"$out")")" \
    "$(awk -v t=$((after - before)) -v n="$requests" -v hz="$(getconf CLK_TCK)" 'BEGIN { print n ? t / hz * 1e6 / n : 0 }')" \
    "$(awk '/Non-2xx/ { e += $NF } /Socket errors/ { gsub(",", ""); e += $4 + $6 + $8 + $10 } END { print e + 0 }' <<<"$out")"
}

median() { # COLUMN FILE
  awk -v c="$1" '{ print $c }' "$2" | sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}

table() { # CONNECTIONS BYTES
  local i file
  printf '\n%s connections, body of %s bytes\n\n' "$1" "$2"
  printf '| proxy | requests/s | of plain | p50 ms | of plain | p99 ms | of plain | CPU us/request | of plain | errors |\n'
  printf '|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n'
  for i in "${!names[@]}"; do
    file="$work/${names[$i]}.$1.$2"
    for column in 1 2 3 4; do echo "$(median $column "$file") $(median $column "$work/plain-yarp.$1.$2")"; done |
      awk -v name="${names[$i]}" -v errors="$(awk '{ e += $5 } END { print e + 0 }' "$file")" '
        { cells = cells sprintf(NR == 1 ? " %.0f | %.2f |" : " %.3g | %.2f |", $1, $2 ? $1 / $2 : 0) }
        END { print "| " name " |" cells " " errors " |" }'
  done
}

# Neighbours on the machine change from minute to minute: what is measured in the same round is compared with each other.
pairs() { # CONNECTIONS BYTES
  printf '\n| median of pairs, of %s | requests/s | p99 ms | CPU us/request |\n|---|--:|--:|--:|\n' "$earlier"
  for name in edge edge-limited; do
    paste -d ' ' "$work/$name.$1.$2" "$work/$name@$earlier.$1.$2" | awk '{ print $1 / $6, $3 / $8, $4 / $9 }' >"$work/pairs"
    printf '| %s | %.2f | %.2f | %.3f |\n' "$name" "$(median 1 "$work/pairs")" "$(median 2 "$work/pairs")" "$(median 3 "$work/pairs")"
  done
}

for scenario in "${scenarios[@]}"; do
  read -r connections bytes <<<"$scenario"
  echo "warming up: $connections connections, $bytes bytes" >&2
  for i in "${!names[@]}"; do load "$i" "$connections" "$bytes" >/dev/null; done
  for ((round = 1; round <= rounds; round++)); do
    echo "round $round of $rounds" >&2
    for i in "${!names[@]}"; do load "$i" "$connections" "$bytes" >>"$work/${names[$i]}.$connections.$bytes"; done
  done
done

result=$(result_of "$1")
{
  echo "# Load, $1: commit $commit"
  echo
  echo "Command: \`bash load/run.sh $*\`. Median of $rounds rounds of $seconds s, taken in turns after one warm-up."
  echo "Machine: $(machine);"
  echo "load average before the table was written: $(load_average). The load, the proxies and the upstream share it."
  for scenario in "${scenarios[@]}"; do
    read -r connections bytes <<<"$scenario"
    table "$connections" "$bytes"
    [[ -z $earlier ]] || pairs "$connections" "$bytes"
  done
} | tee "$result"
echo "kept in $result" >&2
