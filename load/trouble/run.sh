#!/usr/bin/env bash
# One destination of three misbehaves under load and heals: bash load/trouble/run.sh small|full [WAY...]
# Prints what clients saw, and keeps it in load/results/. `small` shortens ejection and recovery to 5 s each. Needs python3.
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  small | full) ;;
  *) usage "small|full [WAY...]" ;;
esac
need python3 dotnet

publish src/EdgeProxy

result=$(result_of "trouble-$1")
{
  echo "# One destination of three in trouble, $1: commit $commit"
  echo
  echo "Command: \`bash load/trouble/run.sh $*\`. Machine: $(machine);"
  echo "load average at the start: $(load_average)."
  echo "What the columns say: load/README.md."
  echo
  PYTHONPATH=load python3 load/trouble/measure.py "$work/EdgeProxy/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
