#!/usr/bin/env bash
# test-services.sh start|stop|env: a throw-away PostgreSQL and a single-node Garage for the tests,
# on loopback, under target/services. `env` prints what the tests need to know of them.
set -euo pipefail
cd "$(dirname "$0")/.."

services=$PWD/target/services
postgres_port=${TEST_POSTGRES_PORT:-55432}
garage_port=${TEST_GARAGE_PORT:-55390}
access_key=GK31c2f218a2e44f485b94239e
secret_key=b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)

# PostgreSQL does not run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

data=${TMPDIR:-/tmp}/callvault-test-postgres-$postgres_port

start_postgres() {
  "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgres_port" && return
  rm -rf "$data"
  mkdir -p "$data"
  [ "$(id -u)" = 0 ] && chown postgres "$data"
  as_postgres "$bin/initdb" -D "$data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 >/dev/null
  as_postgres "$bin/pg_ctl" -D "$data" -w -l "$data/log" start -o "-p $postgres_port \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories=$data -c fsync=off \
    -c max_connections=400 -c shared_buffers=256MB" >/dev/null
}

stop_postgres() {
  [ -d "$data" ] || return 0
  as_postgres "$bin/pg_ctl" -D "$data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$data"
}

start_garage() {
  curl -s -o /dev/null "http://127.0.0.1:$garage_port/" && return
  local garage folder=$services/garage
  garage=$(scripts/garage.sh)
  rm -rf "$folder"
  mkdir -p "$folder"
  cat > "$folder/garage.toml" <<EOF
metadata_dir = "$folder/meta"
data_dir = "$folder/data"
db_engine = "lmdb"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$((garage_port + 1))"
rpc_public_addr = "127.0.0.1:$((garage_port + 1))"
rpc_secret = "$(head -c 32 /dev/urandom | xxd -p -c 64)"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$garage_port"
EOF
  chmod 600 "$folder/garage.toml"
  GARAGE_DEFAULT_ACCESS_KEY=$access_key GARAGE_DEFAULT_SECRET_KEY=$secret_key \
    GARAGE_DEFAULT_BUCKET=vault RUST_LOG=warn \
    setsid "$garage" -c "$folder/garage.toml" server --single-node --default-bucket \
    > "$folder/log" 2>&1 < /dev/null &
  echo $! > "$folder/pid"
  for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$garage_port/" && return
    sleep 0.2
  done
  cat "$folder/log" >&2
  echo "garage did not start" >&2
  return 1
}

stop_garage() {
  local pid=$services/garage/pid
  if [ -f "$pid" ]; then kill "$(cat "$pid")" 2>/dev/null || true; fi
  rm -rf "$services/garage"
}

case "${1:?usage: test-services.sh start|stop|env}" in
  start) start_postgres; start_garage ;;
  stop) stop_postgres; stop_garage ;;
  env)
    cat <<EOF
export TEST_POSTGRES=postgres://postgres@127.0.0.1:$postgres_port
export TEST_S3_ENDPOINT=http://127.0.0.1:$garage_port
export TEST_S3_REGION=garage
export TEST_S3_BUCKET=vault
export TEST_S3_ACCESS_KEY_ID=$access_key
export TEST_S3_SECRET_ACCESS_KEY=$secret_key
export CALLVAULT_CORPUS=$PWD/target/corpus
EOF
    ;;
  *) echo "usage: test-services.sh start|stop|env" >&2; exit 2 ;;
esac
