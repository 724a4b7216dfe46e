#!/usr/bin/env bash
# What leases cost and admit, in simulated time with the product's own nodes: bash load/leases/simulate.sh
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

said=$work/said
if ! dotnet run --project tests/EdgeProxy.Tests -- --filter-class '*LeaseSimulationTests' --show-live-output on --no-ansi --no-progress \
  >"$said"; then
  cat "$said" >&2
  exit 1
fi
sed -n 's/^OUTPUT: [^]]*\] \(| .*|\)\r*$/\1/p' "$said" | awk '
  /^[|] load [|]/ { head = $0; next }
  { rows[++n] = $0 }
  END { print head; print "|---|--:|--:|--:|--:|--:|--:|"; for (i = 1; i <= n; i++) print rows[i] | "sort -V" }'
