#!/usr/bin/env bash
# install.sh run|test|bench: installs what Debian has and is missing; changes nothing when all is there.
. "$(dirname "$0")/lib.sh"

case ${1:-} in
  run | test | bench) purpose=$1 ;;
  *) die "usage: install.sh run|test|bench" ;;
esac

# The compilers build the crates that hold C (SQLite, libopus, aws-lc); the speech of the demo is
# made by espeak-ng and sox; Node builds the screens.
packages=(
  build-essential ca-certificates cmake curl espeak-ng flac jq lame nodejs npm opus-tools pkg-config sox
)
if [ "$purpose" != run ]; then
  # Encoders for the corpus, PostgreSQL for the index, Python for the independent reader, a browser for
  # the screens.
  packages+=(
    chromium faketime ffmpeg libbcg729-dev libsox-fmt-all libvo-amrwbenc-dev postgresql python3
    python3-cryptography python3-venv shellcheck unzip vorbis-tools
  )
fi
if [ "$purpose" = bench ]; then
  packages+=(nginx-light rclone)
fi

installed() {
  [ "$(dpkg-query -W -f '${Status}' "$1" 2>/dev/null)" = "install ok installed" ]
}

missing=()
for package in "${packages[@]}"; do
  case $package in
    # Node comes from Debian where there is none; whoever has one keeps it.
    nodejs | npm) command -v "${package/nodejs/node}" >/dev/null || missing+=("$package") ;;
    # Any of nginx's flavours will do.
    nginx-light) command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=("$package") ;;
    *) installed "$package" || missing+=("$package") ;;
  esac
done

if [ ${#missing[@]} -gt 0 ]; then
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  # The lists on the machine may be absent or too old for the mirror.
  if ! as_root "${install[@]}" >/dev/null 2>&1 </dev/null; then
    as_root apt-get update -q >&2 </dev/null
    as_root "${install[@]}" >&2 </dev/null
  fi
fi

# 20.19 is the oldest that builds the screens.
node_is_new_enough() {
  command -v npm >/dev/null &&
    node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
}
node_is_new_enough || die "Node is missing or too old: install Node 20.19 or newer, with npm"
command -v cargo >/dev/null || die "Rust is missing: install cargo 1.95 or newer"
if [ "$purpose" = test ]; then
  cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
  cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
fi

# The OpenID provider that the tests sign in at.
if [ "$purpose" != run ]; then
  locked=$(hash_of tests/oidc/package-lock.json)
  if [ "$(cat tests/oidc/node_modules/.locked 2>/dev/null || true)" != "$locked" ]; then
    say "installing the OpenID provider of the tests"
    (cd tests/oidc && npm ci --no-audit --no-fund --loglevel=error >&2)
    echo "$locked" >tests/oidc/node_modules/.locked
  fi
fi
