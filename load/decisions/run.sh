#!/usr/bin/env bash
# What a decision costs, and what a node keeps of a million clients: bash load/decisions/run.sh small|full
# Prints a table and keeps it in load/results/. Needs redis-server (Debian's package of this name).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

case ${1:-} in
  small | full) ;;
  *) echo "usage: bash load/decisions/run.sh small|full" >&2; exit 2 ;;
esac
for tool in redis-server dotnet; do
  command -v "$tool" >/dev/null || { echo "load/decisions/run.sh: $tool is missing" >&2; exit 1; }
done

work=$(mktemp -d)
redis=
stop() {
  [[ -z $redis ]] || kill "$redis" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM
echo "building" >&2
dotnet publish load/decisions -c Release -o "$work/bin" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }

while :; do
  port=$((20000 + RANDOM % 10000))
  (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
done
redis-server --port "$port" --bind 127.0.0.1 --save "" --appendonly no --dir "$work" >"$work/redis.log" &
redis=$!

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)
mkdir -p load/results
result="load/results/decisions-$1-$commit.md"
{
  echo "# Decisions, $1: commit $commit"
  echo
  echo "Command: \`bash load/decisions/run.sh $1\`. One thread."
  echo "Machine: $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(uname -sr), .NET $(dotnet --version),"
  echo "$(redis-server --version | cut -d' ' -f1-3);"
  echo "load average at the start: $(cut -d' ' -f1-3 /proc/loadavg). What the columns say: load/README.md."
  echo
  "$work/bin/decisions" "$port" "$1" 2>"$work/log" | grep -v '^20[0-9-]*T' || { cat "$work/log" >&2; exit 1; }
} | tee "$result"
echo "kept in $result" >&2
