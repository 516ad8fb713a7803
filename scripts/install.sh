#!/usr/bin/env bash
# install.sh run|test|bench: installs the Debian packages that are missing. Needs root or sudo for
# those, and nothing when none is missing.
set -euo pipefail

run=(build-essential cmake pkg-config curl ca-certificates espeak-ng sox libsox-fmt-all lame
  opus-tools flac)
test=("${run[@]}" ffmpeg vorbis-tools libbcg729-dev libvo-amrwbenc-dev postgresql
  python3 python3-cryptography faketime jq xxd)
bench=("${test[@]}" nginx rclone gocryptfs fuse)

case "${1:?usage: install.sh run|test|bench}" in
  run) packages=("${run[@]}") ;;
  test) packages=("${test[@]}") ;;
  bench) packages=("${bench[@]}") ;;
  *) echo "usage: install.sh run|test|bench" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install these first: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
echo "installing: ${missing[*]}" >&2
"${sudo[@]}" apt-get update -qq
# Only the programs are wanted: no PostgreSQL cluster is to be made or started.
"${sudo[@]}" mkdir -p /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] ||
  echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null
