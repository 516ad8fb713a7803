#!/usr/bin/env bash
# Formatting, clippy and shellcheck, each as strict as the tests demand.
. "$(dirname "$0")/lib.sh"

cargo fmt --check
if command -v shellcheck >/dev/null; then
  shellcheck -x -P SCRIPTDIR scripts/*.sh tests/corpus/*.sh .ci/run
fi
cargo clippy --locked --all-targets -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
  # Advisories come from the network and are looked at apart: they must not fail yesterday's code.
  cargo deny --offline check licenses bans sources
fi
for compose in "docker compose" docker-compose; do
  if $compose version >/dev/null 2>&1; then
    $compose --env-file config/compose.env.example config --quiet
    break
  fi
done
