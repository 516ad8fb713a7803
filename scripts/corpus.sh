#!/usr/bin/env bash
# corpus.sh: makes the telephony corpus in target/corpus, or takes it from the cache: spoken calls in
# every container and codec a PBX emits, and malformed ones. SKIP_LONG=0 adds calls of four hours.
set -euo pipefail
cd "$(dirname "$0")/.."

export SKIP_LONG=${SKIP_LONG:-1}
stamp=$(cat tests/corpus/make_corpus.sh tests/corpus/mkbad.py | sha256sum | cut -c1-16)-$SKIP_LONG
cache=${CALLVAULT_TOOLS:-$HOME/.cache/callvault}/corpus-$stamp
if [ ! -f "$cache/complete" ]; then
  echo "making the corpus, once" >&2
  rm -rf "$cache"
  mkdir -p "$cache"
  bash tests/corpus/make_corpus.sh "$cache" >&2
  touch "$cache/complete"
fi
mkdir -p target
ln -sfn "$cache" target/corpus
