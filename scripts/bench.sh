#!/usr/bin/env bash
# bench.sh [CALLVAULT]: measures the vault over HTTP against nginx, rclone and the stores themselves, in one run
# on this machine, and fills docs/BENCHMARKS.md. Needs about 5 GB below target/ and half an hour.
# ONLY="playback ingest erasing listening" chooses.
. "$(dirname "$0")/lib.sh"

unset CARGO_TARGET_DIR
scripts/install.sh bench
scripts/install-garage.sh
say "building for speed"
cargo build --locked --release --example load --example listen
binary=${1:-}
if [ -z "$binary" ]; then
  cargo build --locked --release --bin callvault
  binary=target/release/callvault
fi

trap 'scripts/test-services.sh stop' EXIT
scripts/test-services.sh start
services=$(scripts/test-services.sh env)
eval "$services"
export PYTHONDONTWRITEBYTECODE=1
python3 benches/http/report.py
for bench in ${ONLY:-playback ingest erasing listening}; do
  say "$bench"
  # It hears calls of four hours.
  [ "$bench" != listening ] || SKIP_LONG=0 scripts/corpus.sh
  python3 "benches/http/$bench.py" "$binary"
done
