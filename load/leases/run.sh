#!/usr/bin/env bash
# Limits across three edges on one Redis, with the published binary: bash load/leases/run.sh small|full [calm|paused|killed|clocks|clients]
# Prints what was admitted beside what one bucket would have, and keeps it in load/results/. Needs redis-server and faketime
# (Debian's packages of these names).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

case ${1:-} in
  small | full) ;;
  *) echo "usage: bash load/leases/run.sh small|full [calm|paused|killed|clocks|clients]" >&2; exit 2 ;;
esac
for tool in redis-server faketime dotnet; do
  command -v "$tool" >/dev/null || { echo "load/leases/run.sh: $tool is missing" >&2; exit 1; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "building" >&2
for project in src/EdgeProxy load/leases; do
  dotnet publish "$project" -c Release -o "$work/$(basename "$project")" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
done

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)
mkdir -p load/results
result="load/results/leases-$1${2:+-$2}-$commit.md"
{
  echo "# Limits across nodes, $1: commit $commit"
  echo
  echo "Command: \`bash load/leases/run.sh $*\`. Machine: $(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1),"
  echo "$(uname -sr), .NET $(dotnet --version), $(redis-server --version | cut -d' ' -f1-3);"
  echo "load average at the start: $(cut -d' ' -f1-3 /proc/loadavg). What the columns say: load/README.md."
  echo
  "$work/leases/leases" "$work/EdgeProxy/edgeproxy" "$@"
} | tee "$result"
echo "kept in $result" >&2
