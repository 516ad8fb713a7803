#!/usr/bin/env bash
# Puts the recordings the tests take in into target/corpus; made once per user of this machine, then copied.
# SKIP_LONG=0 adds those of four hours (about 1 GB).
. "$(dirname "$0")/lib.sh"

export SKIP_LONG=${SKIP_LONG:-1}
generator=$(hash_of tests/corpus/*)
[ "$SKIP_LONG" = 1 ] || generator+=-long
cache=${XDG_CACHE_HOME:-$HOME/.cache}/callvault/corpus
made=$cache/$generator

if [ "$(cat target/corpus/.generator 2>/dev/null || true)" = "$generator" ]; then
  exit 0
fi

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [ ! -d "$made" ]; then
  say "synthesising the corpus"
  making=$cache/making
  rm -rf "$making"
  bash tests/corpus/make_corpus.sh "$making" >/dev/null
  echo "$generator" >"$making/.generator"
  # In one step, and the older generators' after it: what is there is whole.
  mv "$making" "$made"
  find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name "${generator%-long}*" -exec rm -rf {} +
fi
mkdir -p target
rm -rf target/corpus
cp -a --reflink=auto "$made" target/corpus
