//! Fills an index the way years of use do, but in minutes: rows are made by the database itself,
//! and the secondary indexes are built afterwards.

use callvault::index::controllers::{ensure_provider, insert_customer};
use callvault::index::{Db, Error};
use callvault::model::{ControllerId, Customer, CustomerStatus, Term, Timestamp};
use sqlx::AssertSqlSafe;

use super::Failure;

/// How many customers there are beside the provider.
const CUSTOMERS: i64 = 500;
/// How many recordings are past their term.
pub(super) const OVERDUE: i64 = 100_000;
/// How many telephone numbers there are.
const NUMBERS: i64 = 200_000;
/// How many rows go into one transaction.
const BATCH: i64 = 500_000;

/// Whose rows there are now.
pub(super) struct Filled {
    pub(super) provider: ControllerId,
    pub(super) controllers: Vec<ControllerId>,
}

/// The blind index of the `nth` number, as [`rows`] writes it.
pub(super) fn blind(nth: i64) -> [u8; 32] {
    let mut mark = [b'0'; 32];
    let digits = (nth % NUMBERS).to_string();
    mark[32 - digits.len()..].copy_from_slice(digits.as_bytes());
    mark
}

pub(super) async fn fill(db: &Db, now: Timestamp, rows: i64) -> Result<Filled, Failure> {
    let filled = controllers(db, now).await?;
    let indexes = secondary_indexes(db).await?;
    for (name, _) in &indexes {
        run(db, format!("DROP INDEX {name}")).await?;
    }
    match db {
        Db::Sqlite { writer, .. } => {
            // The one thing that is not as in use: what is never read back needs no overwriting.
            sqlx::raw_sql(
                "PRAGMA secure_delete = OFF; PRAGMA synchronous = OFF; \
                           PRAGMA cache_size = -1000000; PRAGMA temp_store = MEMORY",
            )
            .execute(writer)
            .await?;
        }
        Db::Postgres(_) => {}
    }
    for first in (0..rows).step_by(usize::try_from(BATCH)?) {
        let last = rows.min(first + BATCH) - 1;
        run(db, statement(db, now, rows, first, last)).await?;
    }
    for (_, create) in indexes {
        run(db, create).await?;
    }
    match db {
        Db::Sqlite { writer, .. } => {
            sqlx::raw_sql(
                "PRAGMA secure_delete = ON; PRAGMA synchronous = FULL; \
                           PRAGMA cache_size = -2000; PRAGMA wal_checkpoint(TRUNCATE)",
            )
            .execute(writer)
            .await?;
        }
        // What autovacuum does by itself, sooner or later.
        Db::Postgres(_) => run(db, "VACUUM ANALYZE recordings".to_owned()).await?,
    }
    Ok(filled)
}

async fn controllers(db: &Db, now: Timestamp) -> Result<Filled, Error> {
    let mut tx = db.begin().await?;
    let provider = ensure_provider(&mut tx, ControllerId::random()).await?;
    let mut controllers = vec![provider];
    for nth in 0..CUSTOMERS {
        let customer = Customer {
            id: ControllerId::random(),
            reference: format!("customer-{nth}").parse().expect("letters and digits"),
            name: format!("Customer {nth}"),
            agreement: None,
            recording: false,
            status: CustomerStatus::Active,
            term: None,
            policy_version: 0,
            floor: None,
            ceiling: Term::months(24),
            legal_basis: None,
            created_at: now,
        };
        insert_customer(&mut tx, &customer).await?;
        controllers.push(customer.id);
    }
    tx.commit().await?;
    Ok(Filled { provider, controllers })
}

/// The indexes that a migration makes by name, and how they are made.
async fn secondary_indexes(db: &Db) -> Result<Vec<(String, String)>, sqlx::Error> {
    match db {
        Db::Sqlite { writer, .. } => {
            sqlx::query_as(
                "SELECT name, sql FROM sqlite_master
                            WHERE type = 'index' AND tbl_name = 'recordings' AND sql IS NOT NULL",
            )
            .fetch_all(writer)
            .await
        }
        Db::Postgres(pool) => {
            sqlx::query_as(
                "SELECT indexname::TEXT, indexdef FROM pg_indexes
                            WHERE tablename = 'recordings' AND indexname <> 'recordings_pkey'",
            )
            .fetch_all(pool)
            .await
        }
    }
}

async fn run(db: &Db, statement: String) -> Result<(), sqlx::Error> {
    match db {
        Db::Sqlite { writer, .. } => {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(writer).await?;
        }
        Db::Postgres(pool) => {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(pool).await?;
        }
    }
    Ok(())
}

/// How a dialect says what a row is made of.
struct Dialect {
    id: &'static str,
    random32: &'static str,
    no: &'static str,
    text: &'static str,
    integer: &'static str,
    numbered: fn(i64, i64) -> String,
    mark: fn(&str) -> String,
    time: fn(&str) -> String,
}

const SQLITE: Dialect = Dialect {
    id: "randomblob(16)",
    random32: "randomblob(32)",
    no: "0",
    text: "",
    integer: "",
    numbered: |first, last| {
        format!(
            "WITH RECURSIVE numbered (n) AS (SELECT {first} UNION ALL
                 SELECT n + 1 FROM numbered WHERE n < {last})"
        )
    },
    mark: |n| format!("CAST(printf('%032d', ({n}) % {NUMBERS}) AS BLOB)"),
    time: ToOwned::to_owned,
};

const POSTGRES: Dialect = Dialect {
    id: "gen_random_uuid()",
    random32: "sha256(convert_to(n::TEXT || random()::TEXT, 'UTF8'))",
    no: "FALSE",
    text: "::TEXT",
    integer: "::INTEGER",
    numbered: |first, last| {
        format!("WITH numbered (n) AS (SELECT generate_series({first}::BIGINT, {last}))")
    },
    mark: |n| format!("convert_to(lpad((({n}) % {NUMBERS})::TEXT, 32, '0'), 'UTF8')"),
    time: |micros| format!("to_timestamp(({micros}) / 1000000.0)"),
};

/// Rows `first` to `last` of `rows`, in one statement: spread over 90 days, a fifth of them the
/// provider's, 3 in 100 tombstones, the first [`OVERDUE`] past their term.
fn statement(db: &Db, now: Timestamp, rows: i64, first: i64, last: i64) -> String {
    let dialect = if matches!(db, Db::Sqlite { .. }) { &SQLITE } else { &POSTGRES };
    let Dialect { id, random32, no, text, integer, numbered, mark, time } = dialect;
    let now = now.micros();
    let step = 90 * 86_400 * 1_000_000 / rows;
    let dead = "n % 33 = 32";
    let alive = |value: &str| format!("CASE WHEN {dead} THEN NULL ELSE {value} END");
    let if_dead = |value: &str| format!("CASE WHEN {dead} THEN {value} END");
    let began = time(&format!("{now} - ({rows} - n) * {step}"));
    let due = time(&format!(
        "CASE WHEN n < {OVERDUE} THEN {now} - 1 - n * 1000 ELSE {now} + n * {step} + 1000000 END"
    ));
    format!(
        "{numbered}, owners AS (
             SELECT id, kind, ROW_NUMBER() OVER (PARTITION BY kind ORDER BY id) - 1 AS nth
             FROM controllers)
         INSERT INTO recordings (id, controller_id, class, state, source, policy, direction,
             started_at, ended_at, duration_ms, size_bytes, codec, sample_rate, channels, agent,
             queue, line, withheld, numbers, caller_blind, callee_blind, call_key, content_key,
             digest, received_at, due_at, metadata_due_at, held, restricted, objected, cause, wrap,
             key_day, key_generation, salt, commitment, key_destroyed_at, erased_at)
         SELECT {id}, owners.id, CASE WHEN n % 5 = 0 THEN 'support' ELSE 'customer' END,
             CASE WHEN {dead} THEN 'tombstone' ELSE 'stored' END, 'pbx-1', 'support/1',
             {direction}, {started_at}, {began}, {duration}, {size}, {codec}, {rate}, {channels},
             {agent}, {queue}, {line}, {no}, {sealed}, {caller}, {callee}, {sealed}, {sealed},
             {sealed}, {began}, {due}, {due}, {no}, {no}, {no}, {cause}, {sealed}, 20000, 0,
             {random32}, {random32}, {erased_at}, {erased_at}
         FROM numbered JOIN owners
           ON owners.kind = CASE WHEN n % 5 = 0 THEN 'provider' ELSE 'customer' END
          AND owners.nth = CASE WHEN n % 5 = 0 THEN 0 ELSE (n / 5 * 4 + n % 5 - 1) % {CUSTOMERS} END",
        numbered = numbered(first, last),
        direction = alive("'inbound'"),
        started_at = alive(&began),
        duration = alive("120000"),
        size = alive("1920044"),
        codec = alive("'wav/pcm_s16le'"),
        rate = alive(&format!("8000{integer}")),
        channels = alive(&format!("1{integer}")),
        agent = alive(&format!("'agent-' || (n / 7 % 20){text}")),
        queue = alive("'helpdesk'"),
        line = alive("'201'"),
        sealed = alive(random32),
        caller = alive(&mark("n * 7919")),
        callee = alive(&mark("n * 104729 + 1")),
        cause = if_dead("'term'"),
        erased_at = if_dead(&time(&format!("{now} - n"))),
    )
}
