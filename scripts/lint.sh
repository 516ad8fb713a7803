#!/usr/bin/env bash
# Formatting, clippy and shellcheck, each as strict as the tests demand.
. "$(dirname "$0")/lib.sh"

cargo fmt --check
if command -v shellcheck >/dev/null; then
  shellcheck -x -P SCRIPTDIR scripts/*.sh tests/corpus/*.sh .ci/run
fi
scripts/web.sh lint
cargo clippy --locked --all-targets -- -D warnings
PATH=$PATH:$TOOLS/bin
if command -v cargo-deny >/dev/null; then
  # `cargo deny check advisories` is for a schedule of its own: news must not fail yesterday's code.
  cargo deny --locked check --hide-inclusion-graph licenses bans sources
fi
for compose in "docker compose" docker-compose; do
  if $compose version >/dev/null 2>&1; then
    $compose --env-file config/compose.env.example config --quiet
    break
  fi
done
