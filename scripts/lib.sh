# shellcheck shell=bash
# What every script here shares. Source it; it moves to the root of the project.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TOOLS=${CALLVAULT_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/callvault/tools}
# shellcheck disable=SC2034  # read by the scripts that source this
GARAGE_VERSION=2.5.0 GARAGE=$TOOLS/bin/garage LEDGER_VERIFIER=$TOOLS/bin/ledger-verifier

say() {
  printf '== %s\n' "$*" >&2
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root or sudo: $*"
  fi
}

# Waits until the command succeeds: `until_true SECONDS COMMAND…`.
until_true() {
  local tenths=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    sleep 0.1
  done
}

port_is_free() {
  ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port of this machine that nothing listens on, below the range the kernel hands to clients.
free_port() {
  local port
  for _ in $(seq 100); do
    port=$((20000 + RANDOM % 12000))
    if port_is_free "$port"; then
      echo "$port"
      return
    fi
  done
  die "no free port found"
}

# True when the process exists and its command line holds the text: a process id alone may have
# passed to a stranger since it was written down.
is_process() {
  local pid=$1 text=$2
  [ -n "$pid" ] && [ -r "/proc/$pid/cmdline" ] || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$text"
}

hash_of() {
  cat "$@" | sha256sum | cut -c1-16
}
