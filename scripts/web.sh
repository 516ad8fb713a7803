#!/usr/bin/env bash
# web.sh build|lint|test: the screens in web/. `build` does nothing when web/dist is of these sources;
# packages are installed anew only when the lock file changed.
. "$(dirname "$0")/lib.sh"

for command in node npm; do
  command -v $command >/dev/null || die "$command is missing: scripts/install.sh run"
done
cd web

locked=$(hash_of package-lock.json)
if [ "$(cat node_modules/.locked 2>/dev/null || true)" != "$locked" ]; then
  say "installing the packages of the screens"
  npm ci --no-audit --no-fund --loglevel=error >&2
  echo "$locked" >node_modules/.locked
fi

build() {
  local sources made_from
  mapfile -t sources < <(find src public index.html ./*.json ./*.config.ts ./*.config.js -type f | sort)
  made_from=$(hash_of "${sources[@]}")
  if [ -s dist/index.html ] && [ "$(cat node_modules/.built-from 2>/dev/null || true)" = "$made_from" ]; then
    return
  fi
  say "building the screens"
  npm run --silent build -- --logLevel warn >&2
  echo "$made_from" >node_modules/.built-from
}

case ${1:-} in
  build) build ;;
  lint)
    npm run --silent lint
    npm run --silent check
    ;;
  test)
    build
    shift
    npm run --silent test -- "$@"
    ;;
  *) die "usage: web.sh build|lint|test" ;;
esac
