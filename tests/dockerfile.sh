#!/usr/bin/env bash
# Builds the Dockerfile without a registry: the base images are made from this machine's .NET. Needs root and buildah.
# The image must serve the sample as its unprivileged user, say that it is ready, and end well. Not part of run.sh: slow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
store=$(mktemp -d)
buildah() { command buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs "$@"; }
cleanup() {
  buildah rm --all >/dev/null 2>&1 || true
  rm -rf "$store"
}
trap cleanup EXIT

base=$(buildah from scratch)
mount=$(buildah mount "$base")
mkdir -p "$mount"/{bin,usr,etc,tmp,proc,sys,dev,root,var}
chmod 1777 "$mount/tmp"
tar -C / -cf - --exclude=usr/share/doc --exclude=usr/share/man --exclude=usr/share/locale --exclude=usr/src \
  bin lib lib64 sbin usr/bin usr/lib/x86_64-linux-gnu usr/lib/ssl usr/share/dotnet usr/lib64 \
  etc/ssl etc/resolv.conf etc/hosts etc/nsswitch.conf etc/passwd etc/group 2>/dev/null | tar -C "$mount" -xf - || true
for file in "$HOME/.nuget/NuGet/NuGet.Config"; do
  [ ! -f "$file" ] || install -D "$file" "$mount$file"
done
buildah umount "$base" >/dev/null
buildah config --env DOTNET_ROOT=/usr/share/dotnet --env PATH=/usr/share/dotnet:/usr/bin:/bin --env HOME="$HOME" "$base"
buildah commit -q "$base" localhost/dotnet:local >/dev/null

packages=${NUGET_PACKAGES:-$HOME/.nuget/packages} # restored before: no package is fetched
mkdir -p "$packages"
buildah bud -q --isolation chroot --network host --volume "$packages:$HOME/.nuget/packages" \
  --build-arg SDK_IMAGE=localhost/dotnet:local --build-arg RUNTIME_IMAGE=localhost/dotnet:local -t localhost/edgeproxy:local .

user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' localhost/edgeproxy:local)
[ "$user" = 1654 ] || { echo "the image runs as '$user'" >&2; exit 1; }
edge=$(buildah from localhost/edgeproxy:local)
log="$store/edge.log"
mapfile -t entry < <(buildah inspect --type image --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}' localhost/edgeproxy:local | sed '/^$/d')
timeout --preserve-status -s TERM 20 env buildah --root "$store/root" --runroot "$store/run" --storage-driver vfs run --isolation chroot \
  --volume "$PWD/config:/etc/edgeproxy:ro" --env EDGE_LISTEN=http://127.0.0.1:0 --env EDGE_ADMIN_LISTEN=http://127.0.0.1:0 \
  "$edge" -- "${entry[@]}" >"$log" 2>&1 || true
grep -q 'Ready: traffic on' "$log" || { cat "$log" >&2; exit 1; }
echo "the image builds, runs as $user and serves config/"
