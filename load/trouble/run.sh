#!/usr/bin/env bash
# One destination of three misbehaves under load and heals: bash load/trouble/run.sh small|full [WAY...]
# Prints what clients saw, and keeps it in load/results/. `small` shortens ejection and recovery to 5 s each. Needs python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

case ${1:-} in
  small | full) ;;
  *) echo "usage: bash load/trouble/run.sh small|full [WAY...]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building" >&2
dotnet publish src/EdgeProxy -c Release -o "$work/edge" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)
mkdir -p load/results
result="load/results/trouble-$1-$commit.md"
{
  echo "# One destination of three in trouble, $1: commit $commit"
  echo
  echo "Command: \`bash load/trouble/run.sh $*\`. Machine: $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1),"
  echo "$(uname -sr), .NET $(dotnet --version); load average at the start: $(cut -d' ' -f1-3 /proc/loadavg)."
  echo "What the columns say: load/README.md."
  echo
  PYTHONPATH=load python3 load/trouble/measure.py "$work/edge/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
