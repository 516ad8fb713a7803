#!/usr/bin/env bash
# run.sh: sets everything up and runs the vault on the embedded default, filled with examples.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh run
scripts/demo-speech.sh target/demo-speech
cargo build
callvault=target/debug/callvault
"$callvault" keyring init --if-absent
"$callvault" migrate
"$callvault" demo --speech target/demo-speech
exec "$callvault" serve --demo
