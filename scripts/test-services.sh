#!/usr/bin/env bash
# test-services.sh start|stop|env: a throw-away PostgreSQL and a single-node Garage for the tests, both on
# loopback. `start` may be repeated and clears what a killed run left; `env` prints what the tests read.
. "$(dirname "$0")/lib.sh"

SERVICES=$PWD/target/services
GARAGE_DIR=$SERVICES/garage
ENV_FILE=$SERVICES/env
BUCKET=callvault-test
# A key of the throw-away store: it opens nothing else.
ACCESS_KEY=GK0123456789abcdef01234567
SECRET_KEY=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef

# PostgreSQL refuses to run as root, and its user cannot always reach the clone (below /root, say).
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && exec runuser -u postgres -- env LC_ALL=C.UTF-8 "$@")
  else
    LC_ALL=C.UTF-8 "$@"
  fi
}

pg_dir() {
  if [ "$(id -u)" != 0 ] || as_postgres test -x "$SERVICES"; then
    echo "$SERVICES/pg"
  else
    echo "${TMPDIR:-/tmp}/callvault-pg-$(printf %s "$SERVICES" | cksum | cut -d' ' -f1)"
  fi
}

pg_bin() {
  local bin
  bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
  [ -x "$bin/initdb" ] || die "the PostgreSQL server is not installed (scripts/install.sh test)"
  echo "$bin"
}

stop_postgres() {
  if [ -e "$PG/postmaster.pid" ]; then
    as_postgres "$BIN/pg_ctl" -D "$PG" -m immediate -w -t 20 stop >/dev/null 2>&1 || true
    local pid
    pid=$(head -n 1 "$PG/postmaster.pid" 2>/dev/null || true)
    if is_process "$pid" "$PG"; then
      kill -9 "$pid" 2>/dev/null || true
    fi
  fi
  rm -rf "$PG"
}

start_postgres() {
  PG_PORT=$(free_port)
  mkdir -m 700 "$PG"
  [ "$(id -u)" != 0 ] || chown postgres: "$PG"
  as_postgres "$BIN/initdb" -D "$PG" -U postgres -A trust --no-sync --encoding UTF8 \
    --locale C.UTF-8 >/dev/null
  # What must survive is tested by killing the vault, never this server: it need not wait for disks.
  cat >>"$PG/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $PG_PORT
unix_socket_directories = ''
max_connections = 300
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
  as_postgres "$BIN/pg_ctl" -D "$PG" -l "$PG/log" -w -t 60 start >/dev/null </dev/null ||
    die "PostgreSQL does not start: $(tail -n 5 "$PG/log")"
}

garage() {
  RUST_LOG=error "$GARAGE" -c "$GARAGE_DIR/garage.toml" "$@"
}

stop_garage() {
  local pid
  pid=$(cat "$GARAGE_DIR/pid" 2>/dev/null || true)
  if is_process "$pid" "$GARAGE_DIR/garage.toml"; then
    kill "$pid"
    until_true 10 gone "$pid" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -rf "$GARAGE_DIR"
}

gone() {
  ! kill -0 "$1" 2>/dev/null
}

start_garage() {
  [ -x "$GARAGE" ] || die "Garage is not built (scripts/install-garage.sh)"
  mkdir -p "$GARAGE_DIR"
  S3_PORT=$(free_port)
  local rpc
  rpc=$(free_port)
  cat >"$GARAGE_DIR/garage.toml" <<CONF
metadata_dir = "$GARAGE_DIR/meta"
data_dir = "$GARAGE_DIR/data"
db_engine = "lmdb"
metadata_fsync = false
data_fsync = false
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc"
rpc_public_addr = "127.0.0.1:$rpc"
rpc_secret = "$SECRET_KEY"
[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$S3_PORT"
CONF
  chmod 600 "$GARAGE_DIR/garage.toml"
  GARAGE_DEFAULT_ACCESS_KEY=$ACCESS_KEY GARAGE_DEFAULT_SECRET_KEY=$SECRET_KEY \
    GARAGE_DEFAULT_BUCKET=$BUCKET RUST_LOG=warn setsid "$GARAGE" -c "$GARAGE_DIR/garage.toml" \
    server --single-node --default-bucket >"$GARAGE_DIR/log" 2>&1 </dev/null &
  echo $! >"$GARAGE_DIR/pid"
  until_true 30 garage_ready || die "Garage does not start: $(tail -n 5 "$GARAGE_DIR/log")"
}

garage_ready() {
  garage bucket info "$BUCKET" && curl -s -o /dev/null "http://127.0.0.1:$S3_PORT/"
}

running() {
  [ -s "$ENV_FILE" ] || return 1
  as_postgres "$BIN/pg_ctl" -D "$PG" status >/dev/null 2>&1 || return 1
  is_process "$(cat "$GARAGE_DIR/pid" 2>/dev/null || true)" "$GARAGE_DIR/garage.toml"
}

write_env() {
  {
    printf 'export TEST_POSTGRES=%q\n' "postgres://postgres@127.0.0.1:$PG_PORT"
    printf 'export TEST_S3_ENDPOINT=%q\n' "http://127.0.0.1:$S3_PORT"
    printf 'export TEST_S3_BUCKET=%q\n' "$BUCKET"
    printf 'export TEST_S3_REGION=garage\n'
    printf 'export TEST_S3_ACCESS_KEY_ID=%q\n' "$ACCESS_KEY"
    printf 'export TEST_S3_SECRET_ACCESS_KEY=%q\n' "$SECRET_KEY"
    printf 'export TEST_LEDGER_VERIFIER=%q\n' "$LEDGER_VERIFIER"
    printf 'export CALLVAULT_CORPUS=%q\n' "$PWD/target/corpus"
  } >"$ENV_FILE.new"
  # In one step: a file that is there is whole.
  mv "$ENV_FILE.new" "$ENV_FILE"
}

mkdir -p "$SERVICES"
BIN=$(pg_bin)
PG=$(pg_dir)
case ${1:-} in
  start)
    if running; then
      exit 0
    fi
    rm -f "$ENV_FILE"
    stop_postgres
    stop_garage
    start_postgres
    start_garage
    write_env
    ;;
  stop)
    rm -f "$ENV_FILE"
    stop_postgres
    stop_garage
    ;;
  env)
    [ -s "$ENV_FILE" ] || die "not started (scripts/test-services.sh start)"
    cat "$ENV_FILE"
    ;;
  *) die "usage: test-services.sh start|stop|env" ;;
esac
