#!/usr/bin/env bash
# garage.sh: builds the Garage S3 server once (about ten minutes) and prints its path.
set -euo pipefail

version=2.5.0
tools=${CALLVAULT_TOOLS:-$HOME/.cache/callvault/tools}
garage=$tools/bin/garage

if ! { [ -x "$garage" ] && "$garage" --version 2>/dev/null | grep -q "$version"; }; then
  echo "building garage $version, once; this takes about ten minutes" >&2
  mkdir -p "$tools"
  # Its build must not land in, or be shaped by, this project's own.
  (cd "$tools" && env -u CARGO_TARGET_DIR cargo install garage --version "$version" --locked \
    --root "$tools" --quiet >&2)
fi
echo "$garage"
