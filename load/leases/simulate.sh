#!/usr/bin/env bash
# What leases cost and admit, in simulated time with the product's own nodes: bash load/leases/simulate.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1
said=$(mktemp)
trap 'rm -f "$said"' EXIT
if ! dotnet run --project tests/EdgeProxy.Tests -- --filter-class '*LeaseSimulationTests' --show-live-output on --no-ansi --no-progress \
  >"$said"; then
  cat "$said" >&2
  exit 1
fi
sed -n 's/^OUTPUT: [^]]*\] \(| .*|\)\r*$/\1/p' "$said" | awk '
  /^[|] load [|]/ { head = $0; next }
  { rows[++n] = $0 }
  END { print head; print "|---|--:|--:|--:|--:|--:|--:|"; for (i = 1; i <= n; i++) print rows[i] | "sort -V" }'
