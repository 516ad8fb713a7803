//! The two migration folders describe the same schema, and its indexes serve the queries.

use callvault::index::recordings::{self, Marks, Search};
use callvault::index::{Db, Kind, POSTGRES_MIGRATIONS, Pool, SQLITE_MIGRATIONS, dialects, sql};

use super::{DAY, at, provider, recording, write};
use crate::backend::{TestDb, new_database, on_each_backend, postgres, sqlite};

on_each_backend! {
    migrating_twice_changes_nothing,
    what_is_asked_often_is_asked_of_an_index,
}

#[test]
fn folders_hold_the_same_migrations() {
    let names = |migrator: &sqlx::migrate::Migrator| -> Vec<_> {
        migrator.iter().map(|one| (one.version, one.description.to_string())).collect()
    };
    assert_eq!(names(&SQLITE_MIGRATIONS), names(&POSTGRES_MIGRATIONS));
}

#[tokio::test]
async fn tables_have_the_same_columns_and_indexes() {
    let (sqlite, postgres) = (sqlite().await, postgres().await);
    assert_eq!(columns(&sqlite.db).await, columns(&postgres.db).await);
    let indexes = indexes(&sqlite.db).await;
    assert_eq!(indexes, self::indexes(&postgres.db).await);
    assert!(indexes.len() > 10, "{indexes:?}");
}

/// Every column, as (table, column, nullable).
async fn columns(db: &Db) -> Vec<(String, String, bool)> {
    dialects(
        "SELECT m.name, c.name, c.\"notnull\" = 0 AND c.pk = 0
         FROM sqlite_master m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx%'
         ORDER BY 1, 2",
        "SELECT table_name::TEXT COLLATE \"C\", column_name::TEXT COLLATE \"C\",
             is_nullable = 'YES'
         FROM information_schema.columns
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
         ORDER BY 1, 2",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// Every index that was given a name, as (table, index).
async fn indexes(db: &Db) -> Vec<(String, String)> {
    dialects(
        "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL
         ORDER BY 1, 2",
        "SELECT tablename::TEXT COLLATE \"C\", indexname::TEXT COLLATE \"C\" FROM pg_indexes
         WHERE schemaname = 'public' AND indexname !~ '_(pkey|key)$' ORDER BY 1, 2",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

async fn migrating_twice_changes_nothing(t: TestDb) {
    t.db.migrate().await.unwrap();
    assert_eq!(t.db.pending_migrations().await.unwrap(), Vec::<String>::new());
    t.db.ping().await.unwrap();
    let (count,): (i64,) =
        sql("SELECT COUNT(*) FROM _sqlx_migrations").fetch_one(&t.db).await.unwrap();
    assert_eq!(usize::try_from(count).unwrap(), SQLITE_MIGRATIONS.iter().count());
    // A second node finds it done.
    let second = Db::connect(&t.url, &Pool::default()).await.unwrap();
    second.migrate().await.unwrap();
}

#[tokio::test]
async fn an_empty_database_has_every_migration_pending() {
    let dir = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", dir.path().join("new.db").display());
    for url in [file, new_database().await] {
        let db = Db::connect(&url, &Pool::default()).await.unwrap();
        let pending = db.pending_migrations().await.unwrap();
        assert_eq!(pending.first().map(String::as_str), Some("0001 controllers"));
        assert_eq!(pending.len(), SQLITE_MIGRATIONS.iter().count());
        assert!(db.ping().await.is_err(), "it is no index yet");
        db.close().await;
    }
}

/// What the planner does with a statement.
async fn plan(db: &Db, statement: &'static str) -> String {
    let explain = dialects("EXPLAIN QUERY PLAN ", "EXPLAIN ").push(statement);
    match db.kind() {
        Kind::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = explain.fetch_all(db).await.unwrap();
            rows.into_iter().map(|(.., line)| line + "\n").collect()
        }
        Kind::Postgres => {
            let rows: Vec<(String,)> = explain.fetch_all(db).await.unwrap();
            rows.into_iter().map(|(line,)| line + "\n").collect()
        }
    }
}

/// The shapes of the statements that must stay fast at ten million rows, and their indexes.
const ASKED: &[(&str, &str)] = &[
    (
        "SELECT id FROM recordings WHERE state = 'stored' AND NOT held AND NOT restricted
             AND due_at <= NOW ORDER BY due_at LIMIT 1000",
        "recordings_due",
    ),
    (
        "SELECT id FROM recordings WHERE state = 'erasing' AND claimed_at < NOW
             ORDER BY claimed_at LIMIT 100",
        "recordings_erasing",
    ),
    (
        "SELECT id FROM recordings WHERE look_again_at IS NOT NULL AND look_again_at <= NOW
             ORDER BY look_again_at LIMIT 100",
        "recordings_look_again",
    ),
    (
        "SELECT id FROM recordings WHERE state = 'audio_erased' AND metadata_due_at <= NOW
             ORDER BY metadata_due_at LIMIT 100",
        "recordings_metadata_due",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND started_at IS NOT NULL
             AND state IN ('stored', 'erasing', 'lost') AND (started_at, id) < (NOW, ID)
             ORDER BY started_at DESC, id DESC LIMIT 50",
        "recordings_list",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND started_at IS NOT NULL
             AND caller_blind = BYTES AND NOT withheld ORDER BY started_at DESC, id DESC LIMIT 50",
        "recordings_caller",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND started_at IS NOT NULL
             AND caller_blind IS DISTINCT FROM callee_blind AND callee_blind = BYTES
             ORDER BY started_at DESC, id DESC LIMIT 50",
        "recordings_callee",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND started_at IS NOT NULL
             AND agent = 'x' ORDER BY started_at DESC, id DESC LIMIT 50",
        "recordings_agent",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND started_at IS NOT NULL
             AND annotated AND agent IS DISTINCT FROM 'x' ORDER BY started_at DESC, id DESC
             LIMIT 200",
        "recordings_annotated",
    ),
    (
        "SELECT MIN(ended_at) FROM recordings WHERE class = 'support' AND state = 'stored'",
        "recordings_oldest",
    ),
    (
        "SELECT erased_at FROM recordings WHERE erased_at IS NOT NULL AND erased_at >= NOW
             ORDER BY erased_at LIMIT 100",
        "recordings_erased",
    ),
    (
        "SELECT id FROM recordings WHERE wrap IS NOT NULL AND key_day = 20000
             AND key_generation < 1 ORDER BY key_day, id LIMIT 100",
        "recordings_sealed",
    ),
    (
        "SELECT id FROM recordings
         WHERE state = 'stored' AND COALESCE(scrubbed_at, received_at) < NOW
             AND (scrub_claimed_at IS NULL OR scrub_claimed_at < NOW)
         ORDER BY COALESCE(scrubbed_at, received_at) LIMIT 32",
        "recordings_scrub",
    ),
    (
        "SELECT id FROM recordings WHERE wrap IS NOT NULL AND journaled = 0 ORDER BY id LIMIT 100",
        "recordings_unjournaled",
    ),
    (
        "SELECT id FROM recordings WHERE wrap IS NULL AND journaled <> 2 ORDER BY id LIMIT 100",
        "recordings_unjournaled_gone",
    ),
    (
        "SELECT id FROM recordings WHERE controller_id = ID AND call_key = BYTES",
        "recordings_same_call",
    ),
];

async fn what_is_asked_often_is_asked_of_an_index(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut tx = t.db.begin().await.unwrap();
    for n in 0..3_000 {
        let key = Some([u8::try_from(n % 250).unwrap(); 32]);
        let marks = Marks { caller_blind: key, callee_blind: key, ..Marks::default() };
        let mut added = recording(provider, n * 1_000_000);
        added.metadata.agent = Some(format!("agent-{}", n % 40));
        recordings::insert(&mut tx, &added, &marks).await.unwrap();
    }
    for n in 0..1_000 {
        let mut gone = recording(provider, n * 1_000_000);
        gone.metadata.agent = Some("gone".into());
        recordings::insert(&mut tx, &gone, &Marks::default()).await.unwrap();
    }
    sql("UPDATE recordings SET state = 'audio_erased', cause = 'term', wrap = NULL,
             key_destroyed_at = received_at, erased_at = received_at WHERE agent = 'gone'")
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    write!(t.db, |tx| sql("ANALYZE").execute(&mut *tx));
    let (now, blob, id) = match t.db.kind() {
        Kind::Sqlite => ("1780272000000000", "x'", format!("x'{}'", provider.0.simple())),
        Kind::Postgres => ("'2026-06-01Z'::TIMESTAMPTZ", "'\\x", format!("'{provider}'")),
    };
    let bytes = format!("{blob}{}'", "07".repeat(32));
    for (statement, index) in ASKED {
        let text = statement.replace("NOW", now).replace("BYTES", &bytes);
        let text = text.replace("= ID", &format!("= {id}"));
        let text = text.replace(", ID)", &format!(", {id})"));
        let plan = plan(&t.db, Box::leak(text.into_boxed_str())).await;
        assert!(plan.contains(index), "{statement}\n{plan}");
        assert!(!plan.to_lowercase().contains("sort"), "{statement}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
    }
    // And the real ones run.
    let number = [7; 32];
    let wanted = Search { number: Some(&number), ..Search::of(provider) };
    let found = recordings::search(&t.db, &wanted, callvault::model::Limit::new(None)).await;
    assert_eq!(found.unwrap().len(), 12);
    assert_eq!(recordings::due(&t.db, at(2 * DAY), 1_000).await.unwrap().len(), 1_000);
}
