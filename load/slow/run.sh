#!/usr/bin/env bash
# Ten thousand slow clients at one edge: bash load/slow/run.sh small|full ["slow headers"|"slow body"|"slow read"...]
# Prints what a client beside them notices, and keeps it in load/results/. Needs python3, nginx and slowhttptest (Debian's packages).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

case ${1:-} in
  small | full) ;;
  *) echo "usage: bash load/slow/run.sh small|full [WAY...]" >&2; exit 2 ;;
esac
for tool in python3 nginx slowhttptest dotnet; do
  command -v "$tool" >/dev/null || { echo "load/slow/run.sh: $tool is missing" >&2; exit 1; }
done
ulimit -n "$(ulimit -Hn)"
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge 20000 ] || { echo "load/slow/run.sh: 20000 open files are needed" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building" >&2
dotnet publish src/EdgeProxy -c Release -o "$work/edge" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)
mkdir -p load/results
result="load/results/slow-$1-$commit.md"
{
  echo "# Ten thousand slow clients, $1: commit $commit"
  echo
  echo "Command: \`bash load/slow/run.sh $*\`. Machine: $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1),"
  echo "$(uname -sr), .NET $(dotnet --version); load average at the start: $(cut -d' ' -f1-3 /proc/loadavg)."
  echo "What the columns say: load/README.md."
  echo
  PYTHONPATH=load python3 load/slow/measure.py "$work/edge/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
