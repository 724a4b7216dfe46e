#!/usr/bin/env bash
# Installs what the tests need and is missing, builds, checks the format, runs every test project.
# Ends with a line "N passed, N failed, N skipped"; exit code 0 only if something ran and nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."
projects=(EdgeProxy.Tests EdgeProxy.IntegrationTests EdgeProxy.EndToEndTests)
passed=0 failed=0 skipped=0
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

finish() {
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

fail() {
  echo "$1" >&2
  failed=$((failed + 1))
  finish
}

need() { # COMMAND PACKAGE: Debian's package is installed when the command is missing
  command -v "$1" >/dev/null 2>&1 && return
  missing+=("$2")
}

missing=()
need redis-server redis-server
need nginx nginx
need haproxy haproxy
need promtool prometheus
need openssl openssl
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$results/apt.log" 2>&1 \
    || { tail -20 "$results/apt.log" >&2; fail "apt-get could not install: ${missing[*]}"; }
fi

echo "== build"
dotnet restore EdgeProxy.sln --locked-mode -v q || fail "restore failed"
dotnet build EdgeProxy.sln --no-restore -v q -nodeReuse:false || fail "build failed"
echo "== format"
dotnet format EdgeProxy.sln --verify-no-changes --no-restore || fail "dotnet format would change files"
echo "== publish"
dotnet publish src/EdgeProxy -c Release -o artifacts/edgeproxy -v q -nodeReuse:false || fail "publish failed"
export EDGEPROXY_BINARY="$PWD/artifacts/edgeproxy/edgeproxy"

for project in "${projects[@]}"; do
  echo "== $project"
  [ -f "tests/$project/$project.csproj" ] || fail "tests/$project is missing"
  dotnet run --project "tests/$project" --no-build -- --no-ansi --no-progress 2>&1 | tee "$results/$project.log"
  exit_code=${PIPESTATUS[0]}
  count() { sed -n "s/^ *$1: *\([0-9]*\).*/\1/p" "$results/$project.log" | tail -1; }
  total=$(count total)
  [ -n "$total" ] && [ "$total" -gt 0 ] || fail "$project ran no test"
  project_failed=$(count failed)
  passed=$((passed + $(count succeeded))) skipped=$((skipped + $(count skipped)))
  failed=$((failed + project_failed))
  if [ "$exit_code" -ne 0 ] && [ "$project_failed" -eq 0 ]; then
    failed=$((failed + 1)) # the runner itself broke after its tests passed
  fi
done
finish
