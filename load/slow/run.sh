#!/usr/bin/env bash
# Ten thousand slow clients at one edge: bash load/slow/run.sh small|full ["slow headers"|"slow body"|"slow read"...]
# Prints what a client beside them notices, and keeps it in load/results/. Needs python3, nginx and slowhttptest (Debian's packages).
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  small | full) ;;
  *) usage "small|full [WAY...]" ;;
esac
need python3 nginx slowhttptest dotnet
ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 20000 ] || { echo "$script: 20000 open files are needed" >&2; exit 1; }

publish src/EdgeProxy

result=$(result_of "slow-$1")
{
  echo "# Ten thousand slow clients, $1: commit $commit"
  echo
  echo "Command: \`bash load/slow/run.sh $*\`. Machine: $(machine);"
  echo "load average at the start: $(load_average)."
  echo "What the columns say: load/README.md."
  echo
  PYTHONPATH=load python3 load/slow/measure.py "$work/EdgeProxy/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
