#!/usr/bin/env bash
# Everything the project promises, from nothing: tools, corpus, services, lints and all tests.
. "$(dirname "$0")/lib.sh"

unset CARGO_TARGET_DIR
export RUST_BACKTRACE=1
garage_log=target/garage-build.log
building=

clean_up() {
  local code=$?
  trap - EXIT
  if [ -n "$building" ]; then
    kill -- "-$building" 2>/dev/null || true
  fi
  scripts/test-services.sh stop || true
  exit "$code"
}

scripts/install.sh test
mkdir -p target
trap clean_up EXIT
trap 'exit 130' INT TERM

# Minutes of work on a new machine: beside the rest, in a process group of its own so that it can be ended.
setsid scripts/install-garage.sh >"$garage_log" 2>&1 </dev/null &
building=$!
scripts/web.sh build
scripts/corpus.sh
scripts/install-verifier.sh
say "lints"
scripts/lint.sh
say "building the tests"
cargo test --locked --no-run
wait "$building" || {
  building=
  cat "$garage_log" >&2
  die "Garage could not be built"
}
building=

scripts/test-services.sh start
services=$(scripts/test-services.sh env)
eval "$services"
say "tests"
cargo test --locked
say "the screens, in a browser"
scripts/web.sh test
