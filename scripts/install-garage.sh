#!/usr/bin/env bash
# Builds the S3 server the tests run against, once per user of this machine (about 10 minutes).
. "$(dirname "$0")/lib.sh"

mkdir -p "$TOOLS"
# Two clones may ask at once: the second waits, then finds it done.
exec 9>"$TOOLS/.lock"
flock 9

if [ -x "$GARAGE" ] && "$GARAGE" --version | grep -qF ":$GARAGE_VERSION "; then
  exit 0
fi
say "building Garage $GARAGE_VERSION into $TOOLS"
# From the home folder, so that no setting of this project reaches the build.
cd "$HOME"
nice cargo install garage --version "$GARAGE_VERSION" --locked --force --root "$TOOLS" --quiet 9>&-
