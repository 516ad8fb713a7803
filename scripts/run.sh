#!/usr/bin/env bash
# Sets everything up and starts a vault with example customers, people and spoken calls.
# PROFILE=release builds it as it would be deployed, DATA=folder keeps it elsewhere than in data.
. "$(dirname "$0")/lib.sh"

profile=${PROFILE:-dev}
export CALLVAULT_DATA_DIR=${DATA:-${CALLVAULT_DATA_DIR:-data}}
data=$CALLVAULT_DATA_DIR
listen=${CALLVAULT_HTTP__LISTEN:-127.0.0.1:8080}
try_next=$data/demo/try-next.txt
# The folder cargo names `debug` holds the profile it names `dev`.
binary=${CARGO_TARGET_DIR:-target}/${profile/#dev/debug}/callvault

vault() {
  "$binary" --config config/demo.toml "$@"
}

port_is_free "${listen##*:}" || die "something listens on $listen: name another in CALLVAULT_HTTP__LISTEN"
scripts/install.sh run
scripts/web.sh build
say "building callvault (some minutes the first time)"
cargo build --locked --profile "$profile" --bin callvault

umask 077
mkdir -p "$data/demo"
if ! vault keyring status >/dev/null 2>&1; then
  vault keyring init
fi
vault migrate
if [ ! -s "$try_next" ]; then
  scripts/demo-speech.sh target/demo-speech
  # Holds the tokens and passwords of the demo, so that the next `make run` can show them again; nobody else may read it.
  vault demo --speech target/demo-speech >"$try_next.new"
  [ -s "$try_next.new" ] ||
    die "$data holds something else than the demo, or half of it: try DATA=new-folder make run"
  mv "$try_next.new" "$try_next"
fi
# The vault may be served elsewhere than when it was filled.
was=$(sed -n 's/^export VAULT=//p' "$try_next")
sed "s|$was|http://${listen/#0.0.0.0:/127.0.0.1:}|g" "$try_next"
exec "$binary" --config config/demo.toml serve "$@"
