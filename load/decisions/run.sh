#!/usr/bin/env bash
# What a decision costs, and what a node keeps of a million clients: bash load/decisions/run.sh small|full
# Prints a table and keeps it in load/results/. Needs redis-server (Debian's package of this name).
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  small | full) ;;
  *) usage "small|full" ;;
esac
need redis-server dotnet

publish load/decisions

port=$(free_port)
redis-server --port "$port" --bind 127.0.0.1 --save "" --appendonly no --dir "$work" >"$work/redis.log" &
pids+=($!)

result=$(result_of "decisions-$1")
{
  echo "# Decisions, $1: commit $commit"
  echo
  echo "Command: \`bash load/decisions/run.sh $1\`. One thread."
  echo "Machine: $(machine),"
  echo "$(redis-server --version | cut -d' ' -f1-3);"
  echo "load average at the start: $(load_average). What the columns say: load/README.md."
  echo
  "$work/decisions/decisions" "$port" "$1" 2>"$work/log" | grep -v '^20[0-9-]*T' || { cat "$work/log" >&2; exit 1; }
} | tee "$result"
echo "kept in $result" >&2
