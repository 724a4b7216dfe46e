# What the scripts of this folder share; each one sources it. From here on they are in the root of the repository.
# shellcheck shell=bash
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
script=$(realpath "$0")
script=${script#"$root/"}
cd "$root"
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1

usage() { # ARGUMENTS
  echo "usage: bash $script $1" >&2
  exit 2
}

need() { # TOOL...
  local tool
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$script: $tool is missing" >&2; exit 1; }
  done
}

# Files of this run, and its processes: both go with it.
work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

publish() { # PROJECT: as $work/NAME-OF-ITS-FOLDER
  echo "building $1" >&2
  dotnet publish "$1" -c Release -o "$work/$(basename "$1")" -v q >"$work/build.log" || { cat "$work/build.log" >&2; exit 1; }
}

start_nginx() { # NAME SERVER-BLOCK
  printf '%s\n' "worker_processes 1; daemon off; pid $work/$1.pid; error_log $work/$1.log;" \
    "events { worker_connections 4096; }" \
    "http { access_log off; keepalive_requests 1000000000; client_body_temp_path $work; proxy_temp_path $work;" \
    "fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;" "$2" "}" >"$work/$1.conf"
  nginx -c "$work/$1.conf" 2>>"$work/$1.log" &
  pids+=($!)
}

commit=$(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo -dirty)

result_of() { # NAME: the file that keeps its table
  mkdir -p load/results
  echo "load/results/$1-$commit.md"
}

machine() {
  echo "$(nproc) x $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(uname -sr), .NET $(dotnet --version)"
}

load_average() { cut -d' ' -f1-3 /proc/loadavg; }
