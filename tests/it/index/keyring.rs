//! The keyring's own database. It is PostgreSQL only.

use callvault::index::{Epoch, Error, KeyringDb, Sealed};
use zeroize::Zeroizing;

use crate::backend::new_database;

fn sealed(epoch: i64, seq: i64) -> Sealed {
    Sealed { epoch, seq, sealed: vec![7; 40_000], root: Zeroizing::new(vec![0xA5; 32]) }
}

fn conflicts(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Conflict(_)))
}

#[tokio::test]
async fn epochs_are_created_in_order_and_changed_by_one_node() {
    let url = new_database().await;
    let db = KeyringDb::connect(&url).await.unwrap();
    assert_eq!(db.head().await.unwrap(), None);
    db.create(&sealed(5, 1)).await.unwrap();
    for epoch in [5, 4] {
        assert!(conflicts(&db.create(&sealed(epoch, 1)).await), "{epoch}");
    }
    db.update(5, 1, 2, &[8; 10]).await.unwrap();
    assert!(conflicts(&db.update(5, 1, 3, &[9; 10]).await), "another node was first");
    assert_eq!(db.head().await.unwrap(), Some(Epoch { epoch: 5, seq: 2 }));
    let read = db.read(5).await.unwrap().unwrap();
    assert_eq!(
        (read.seq, read.sealed, read.root.as_slice()),
        (2, vec![8; 10], [0xA5; 32].as_slice())
    );
    assert!(db.read(6).await.unwrap().is_none());
    db.create(&sealed(6, 3)).await.unwrap();
    assert_eq!(db.epochs().await.unwrap(), [5, 6]);
    // A second node opens the same one.
    let second = KeyringDb::connect(&url).await.unwrap();
    assert_eq!(second.head().await.unwrap(), Some(Epoch { epoch: 6, seq: 3 }));
    second.ping().await.unwrap();
}

#[tokio::test]
async fn only_one_of_many_nodes_creates_an_epoch() {
    let db = KeyringDb::connect(&new_database().await).await.unwrap();
    let racers: Vec<_> = (0..6)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move { db.create(&sealed(1, 1)).await })
        })
        .collect();
    let mut winners = 0;
    for racer in racers {
        let result = racer.await.unwrap();
        assert!(result.is_ok() || conflicts(&result), "{result:?}");
        winners += usize::from(result.is_ok());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_destroyed_root_is_in_no_page_of_the_table() {
    let url = new_database().await;
    let db = KeyringDb::connect(&url).await.unwrap();
    db.create(&sealed(1, 1)).await.unwrap();
    db.create(&sealed(2, 2)).await.unwrap();
    // Somebody is in the middle of something, in another database of the same server.
    let elsewhere = crate::backend::postgres().await;
    let mut tx = elsewhere.db.begin().await.unwrap();
    callvault::index::facts::set(&mut tx, "a", "b").await.unwrap();

    assert_eq!(roots_in_pages(&url).await, 2, "the search finds what is there");
    assert!(db.destroy(1).await.unwrap().checkpointed);
    assert_eq!(roots_in_pages(&url).await, 1);
    assert!(db.read(1).await.unwrap().is_none());
    assert_eq!(db.epochs().await.unwrap(), [2]);
    let kept = db.read(2).await.unwrap().unwrap();
    assert_eq!((kept.seq, kept.sealed), (2, vec![7; 40_000]));
    db.destroy(1).await.unwrap();
    tx.rollback().await.unwrap();
}

/// How often a root stands in the table's file.
async fn roots_in_pages(url: &str) -> usize {
    use sqlx::Connection;

    let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::query("CHECKPOINT").execute(&mut conn).await.unwrap();
    let (file,): (Vec<u8>,) =
        sqlx::query_as("SELECT pg_read_binary_file(pg_relation_filepath('keyring'))")
            .fetch_one(&mut conn)
            .await
            .unwrap();
    file.windows(32).filter(|window| *window == [0xA5; 32]).count()
}
