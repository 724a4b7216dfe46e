#!/usr/bin/env bash
# Limits across three edges on one Redis, with the published binary: bash load/leases/run.sh small|full [calm|paused|killed|clocks|clients]
# Prints what was admitted beside what one bucket would have, and keeps it in load/results/. Needs redis-server and faketime
# (Debian's packages of these names).
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

case ${1:-} in
  small | full) ;;
  *) usage "small|full [calm|paused|killed|clocks|clients]" ;;
esac
need redis-server faketime dotnet

publish src/EdgeProxy
publish load/leases

result=$(result_of "leases-$1${2:+-$2}")
{
  echo "# Limits across nodes, $1: commit $commit"
  echo
  echo "Command: \`bash load/leases/run.sh $*\`. Machine: $(machine),"
  echo "$(redis-server --version | cut -d' ' -f1-3);"
  echo "load average at the start: $(load_average). What the columns say: load/README.md."
  echo
  "$work/leases/leases" "$work/EdgeProxy/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
