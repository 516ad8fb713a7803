//! Lists and walks over what was erased tell the same.

use callvault::index::erasures::{self, Wanted};
use callvault::index::sql;

use super::{add, at, provider, recording};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    a_walk_by_ids_finds_what_the_list_finds,
}

async fn a_walk_by_ids_finds_what_the_list_finds(t: TestDb) {
    let (db, of) = (&t.db, provider(&t.db).await);
    for _ in 0..60 {
        add(db, recording(of, 0)).await;
    }
    let mut tx = db.begin().await.unwrap();
    sql("UPDATE recordings SET state = 'audio_erased', cause = 'term', wrap = NULL,
             content_key = NULL, key_destroyed_at = $1, erased_at = $1")
    .bind(at(100))
    .execute(&mut tx)
    .await
    .unwrap();
    tx.commit().await.unwrap();
    add(db, recording(of, 0)).await;
    let wanted =
        Wanted { controller: of, from: Some(at(100)), to: Some(at(101)), class: None, cause: None };
    let mut list = erasures::list(db, &wanted, None, 100).await.unwrap();
    list.sort_by_key(|row| row.id);
    let mut walked = Vec::new();
    for folder in 0..=u8::MAX {
        let mut after = None;
        loop {
            let page = erasures::walk(db, &wanted, folder, after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            walked.extend(page);
        }
    }
    assert_eq!((walked.len(), &walked), (60, &list));
    assert_eq!(erasures::count(db, &wanted).await.unwrap(), 60);
    assert_eq!(erasures::first_day(db, &wanted).await.unwrap(), Some(list[0].key_day));
    let none = Wanted { from: Some(at(101)), ..wanted };
    assert_eq!(erasures::walk(db, &none, list[0].id.as_bytes()[0], None, 9).await.unwrap(), []);
    assert_eq!(erasures::first_day(db, &none).await.unwrap(), None);
}
