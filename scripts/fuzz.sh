#!/usr/bin/env bash
# fuzz.sh [SECONDS]: runs each fuzz target for that long (60 unless told), one after the other.
. "$(dirname "$0")/lib.sh"

seconds=${1:-60}
fuzz=$TOOLS/bin/cargo-fuzz
if [ ! -x "$fuzz" ]; then
  say "building cargo-fuzz, once"
  cargo install cargo-fuzz --locked --quiet --root "$TOOLS"
fi
# The fuzzer's instrumentation is an unstable flag of the compiler; this lets a stable one take it.
export RUSTC_BOOTSTRAP=1 PATH=$TOOLS/bin:$PATH
for target in $(cargo fuzz list); do
  say "fuzzing $target for $seconds s"
  # What is found is kept in fuzz/corpus; the seeds are only read.
  mkdir -p "fuzz/corpus/$target"
  cargo fuzz run "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -max_len=65536
done
