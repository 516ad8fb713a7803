//! What only SQLite has to be told: to leave no bytes behind, and to be durable.

use callvault::index::{recordings, sql};

use super::{DAY, add, at, provider, recording, write};
use crate::backend::{TestDb, sqlite};

#[tokio::test]
async fn a_destroyed_wrap_is_in_no_file() {
    let t = sqlite().await;
    let provider = provider(&t.db).await;
    let mut kept = recording(provider, DAY);
    kept.key.wrap = Some(vec![0xB6; 60]);
    add(&t.db, kept).await;
    let mut destroyed = recording(provider, 0);
    destroyed.key.wrap = Some(vec![0xA5; 60]);
    let id = add(&t.db, destroyed).await.id;
    assert_eq!((found(&t, 0xA5), found(&t, 0xB6)), (true, true), "the search finds what is there");

    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 1));
    assert_eq!(write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY))), [id]);
    assert!(t.db.checkpoint().await.unwrap());
    assert_eq!((found(&t, 0xA5), found(&t, 0xB6)), (false, true));
}

/// Whether 60 such bytes stand in one of the database's files.
fn found(t: &TestDb, byte: u8) -> bool {
    let file = t.url.strip_prefix("sqlite:").unwrap();
    ["", "-wal", "-shm"].iter().any(|suffix| {
        let bytes = std::fs::read(format!("{file}{suffix}")).unwrap_or_default();
        bytes.windows(60).any(|window| window == [byte; 60])
    })
}

#[tokio::test]
async fn what_is_acknowledged_is_durable() {
    let t = sqlite().await;
    let mut tx = t.db.begin().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA synchronous", 2),
        ("PRAGMA secure_delete", 1),
        ("PRAGMA foreign_keys", 1),
        ("PRAGMA busy_timeout", 5_000),
    ] {
        let (value,): (i64,) = sql(pragma).fetch_one(&mut tx).await.unwrap();
        assert_eq!(value, expected, "{pragma}");
    }
    let (mode,): (String,) = sql("PRAGMA journal_mode").fetch_one(&mut tx).await.unwrap();
    assert_eq!(mode, "wal");
}
