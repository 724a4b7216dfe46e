#!/usr/bin/env bash
# Installs what the tests need and is missing, builds, checks the format, runs every test project.
# Ends with a line "N passed, N failed, N skipped"; exit code 0 only if every project ran tests and nothing failed.
# Environment: TEST_MINUTES, how long one project may take (default 15).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
exec </dev/null
projects=(EdgeProxy.Tests EdgeProxy.IntegrationTests EdgeProxy.EndToEndTests)
minutes=${TEST_MINUTES:-15}
passed=0 failed=0 skipped=0
failures=() # told again at the end, where a long log is read first

work=$(mktemp -d)
mkdir "$work/tmp"
export TMPDIR="$work/tmp"         # what a killed test leaves behind goes with this folder
export HOME="${HOME:-$work}"
export PATH="$PATH:/usr/sbin:/sbin" # nginx and haproxy live there
export LC_ALL=C DOTNET_CLI_UI_LANGUAGE=en TESTINGPLATFORM_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
export MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false # no compiler or build server outlives the run
no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
export no_proxy NO_PROXY="$no_proxy"

# Processes that a test of this run started and did not end: "PID COMMAND" a line.
survivors() {
  local environment pid
  for environment in /proc/[0-9]*/environ; do
    pid=${environment#/proc/} pid=${pid%/environ}
    [ "$pid" != "$$" ] && [ "$pid" != "$BASHPID" ] || continue
    tr '\0' '\n' 2>/dev/null <"$environment" | grep -qxF "EDGEPROXY_TEST_PROJECT=$work" || continue
    echo "$pid $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline")"
  done
}

finish() {
  rm -rf "$work"
  [ ${#failures[@]} -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
  printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

fail() {
  echo "run.sh: $1" >&2
  failures+=("${1%%$'\n'*}")
  failed=$((failed + 1))
}

give_up() {
  fail "$1"
  finish
}

trap 'give_up interrupted' INT TERM

need() { # COMMAND PACKAGE: Debian's package is installed when the command is missing
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}

install_missing() {
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo -n)
  echo "installing: ${missing[*]}"
  # RUNLEVEL=1: the packages' services are not started.
  {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
      "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}"
  } >"$work/apt.log" 2>&1 && return
  tail -20 "$work/apt.log" >&2
  give_up "apt-get could not install: ${missing[*]}"
}

missing=()
need redis-server redis-server
need nginx nginx
need haproxy haproxy
need caddy caddy
need promtool prometheus
need nghttp nghttp2-client
need openssl openssl
need curl curl
[ ${#missing[@]} -eq 0 ] || install_missing
command -v dotnet >/dev/null 2>&1 || give_up "the .NET SDK named in global.json is missing"

echo "== build"
dotnet restore EdgeProxy.sln --locked-mode -v q || give_up "restore failed"
dotnet build EdgeProxy.sln --no-restore -v q || give_up "build failed"
echo "== format"
dotnet format EdgeProxy.sln --verify-no-changes --no-restore || give_up "dotnet format would change files"
echo "== publish"
rm -rf artifacts/edgeproxy
dotnet publish src/EdgeProxy -c Release -o artifacts/edgeproxy -v q || give_up "publish failed"
export EDGEPROXY_BINARY="$PWD/artifacts/edgeproxy/edgeproxy"

run_project() {
  local project=$1 log="$work/$1.log" exit_code
  [ -f "tests/$project/$project.csproj" ] || { fail "tests/$project is missing"; return; }
  : >"$log"
  # Into a file and not a pipe: a process that a test left behind would hold the pipe open.
  EDGEPROXY_TEST_PROJECT="$work" timeout --kill-after=30 "${minutes}m" \
    dotnet run --project "tests/$project" --no-build -- \
    --no-ansi --no-progress --xunit-diagnostics on --long-running 20 >"$log" 2>&1 &
  tail -n +1 -f --pid=$! "$log"
  wait $!
  exit_code=$?

  count() { sed -n "s/^ *$1: *\([0-9][0-9]*\).*/\1/p" "$log" | tail -1; }
  local total project_failed
  total=$(count total) project_failed=$(count failed)
  if [ "$exit_code" -eq 124 ] || [ "$exit_code" -eq 137 ]; then
    fail "$project was stopped after $minutes minutes; under way for long:"
    grep -F '[Long Running Test]' "$log" | sed "s/.*Test\] '\([^']*\)'.*/  \1/" | sort -u >&2
  elif [ "${total:-0}" -eq 0 ]; then
    fail "$project ran no test"
  else
    passed=$((passed + $(count succeeded))) skipped=$((skipped + $(count skipped))) failed=$((failed + project_failed))
    mapfile -t -O "${#failures[@]}" failures < <(sed -n 's/^failed \([^ (].*\)/\1/p' "$log")
    if [ "$exit_code" -ne 0 ] && [ "$project_failed" -eq 0 ]; then
      fail "$project ended with $exit_code, though no test of it failed"
    fi
  fi

  local left
  left=$(survivors)
  if [ -n "$left" ]; then
    fail "$project left processes behind:"$'\n'"$left"
    while read -r pid _; do kill -9 "$pid" 2>/dev/null; done <<<"$left"
  fi
}

for file in tests/*/*.csproj; do
  [[ " ${projects[*]} " == *" $(basename "$file" .csproj) "* ]] || fail "$file is not run by run.sh"
done
for project in "${projects[@]}"; do
  echo "== $project"
  run_project "$project"
done
finish
