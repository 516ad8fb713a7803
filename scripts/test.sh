#!/usr/bin/env bash
# test.sh: sets up everything the tests need, on a machine with nothing but Debian, Rust and Node, and
# runs them all.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh test
scripts/corpus.sh
trap 'scripts/test-services.sh stop' EXIT
scripts/test-services.sh stop
scripts/test-services.sh start
eval "$(scripts/test-services.sh env)"

cargo fmt --check
cargo clippy --all-targets --quiet -- -D warnings
if command -v docker >/dev/null && docker compose version >/dev/null 2>&1; then
  docker compose config --quiet
fi
cargo test
