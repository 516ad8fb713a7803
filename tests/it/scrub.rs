//! The scrub finds what is lost or damaged before somebody asks for it, and nothing else.

use axum::http::StatusCode;
use bytes::Bytes;
use callvault::index::ledger_entries;
use callvault::model::{Event, RecordingId, Role, State};
use jiff::SignedDuration;

use crate::erasing::row;
use crate::harness::{ACME, Engine, Place, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_flipped_byte_and_a_missing_object_are_found_and_told,
    every_object_is_read_once_in_its_time_whoever_reads_it,
}

async fn a_flipped_byte_and_a_missing_object_are_found_and_told(vault: TestVault) {
    let audio = tone(30.0, 1);
    let damaged = vault.recording(SUPPORT, &audio).await;
    let missing = vault.recording(SUPPORT, &tone(0.3, 2)).await;
    let longer = vault.recording(SUPPORT, &tone(0.3, 3)).await;
    let kept = vault.recording(SUPPORT, &tone(0.3, 4)).await;
    let dpo = vault.token(Role::Compliance).await;
    let case = serde_json::json!({"case": "C-9"});
    let path = format!("/v1/recordings/{kept}/restriction");
    let set = vault.post(&path).token(&dpo).json(&case).send().await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);

    for (id, end) in [(damaged, false), (longer, true)] {
        let id = RecordingId(id);
        let size = vault.store.size(id).await.unwrap().unwrap();
        let mut object = vault.store.read(id, 0..size).await.unwrap().to_vec();
        if end {
            object.push(0);
        } else {
            let last = object.len() - 40;
            object[last] ^= 1;
        }
        vault.store.put(id, vec![Bytes::from(object)]).await.unwrap();
    }
    vault.store.delete(&[RecordingId(missing)]).await;

    let pass = vault.vault.scrub(true).await.unwrap();
    assert_eq!((pass.objects, pass.damaged, pass.missing, pass.skipped), (1, 2, 1, 0), "{pass:?}");
    assert_eq!(pass.stopped, None);
    assert!(pass.bytes > audio.len() as u64);
    let trainer = vault.token(Role::Trainer).await;
    for (id, why) in [(damaged, "damaged"), (missing, "missing"), (longer, "damaged")] {
        assert_eq!(row(&vault, id).await.state, State::Lost);
        assert_eq!(vault.listen(&trainer, id, "purpose=training").await.code(), "lost");
        let entries = ledger_entries::about(vault.vault.index(), RecordingId(id)).await.unwrap();
        let told: Vec<_> =
            entries.iter().filter(|entry| entry.event == Event::RecordingLost).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].body.contains(why), "{}", told[0].body);
    }
    assert_eq!(row(&vault, kept).await.state, State::Stored, "restricted ones are read, too");
    vault.advance(SignedDuration::from_secs(1));
    let pass = vault.vault.scrub(true).await.unwrap();
    assert_eq!((pass.objects, pass.damaged, pass.missing), (1, 0, 0));
}

async fn every_object_is_read_once_in_its_time_whoever_reads_it(vault: TestVault) {
    for seed in 0..40 {
        vault.recording(SUPPORT, &tone(0.1, seed)).await;
    }
    assert_eq!(vault.vault.scrub(false).await.unwrap().objects, 0, "they came in just now");
    vault.advance_days(31);
    let other = vault.second_node().await;
    let (one, two) = tokio::join!(vault.vault.scrub(false), other.scrub(false));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!((one.objects + two.objects, one.skipped + two.skipped), (40, 0));
    assert_eq!(vault.vault.scrub(false).await.unwrap().objects, 0);
    vault.advance_days(29);
    assert_eq!(vault.vault.scrub(false).await.unwrap().objects, 0);
    vault.advance_days(2);
    assert_eq!(vault.vault.scrub(false).await.unwrap().objects, 40);
}

#[tokio::test]
async fn a_store_that_is_away_loses_nothing() {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    let faults = vault.faults.clone().unwrap();
    let id = vault.recording(ACME, &tone(0.3, 1)).await;
    faults.be_away(true);
    let pass = vault.vault.scrub(true).await.unwrap();
    assert!(pass.stopped.is_some());
    assert_eq!((pass.objects, pass.missing, pass.damaged, pass.skipped), (0, 0, 0, 1));
    assert_eq!(row(&vault, id).await.state, State::Stored);
    faults.be_away(false);
    vault.advance(SignedDuration::from_secs(1));
    assert_eq!(vault.vault.scrub(true).await.unwrap().objects, 1, "and it is tried again at once");
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_loses_nothing() {
    let vault = TestVault::new().await;
    let mut ids = Vec::new();
    for seed in 0..6 {
        ids.push(vault.recording(ACME, &tone(0.1, seed)).await);
    }
    let (objects, aside) = (vault.dir.path().join("objects"), vault.dir.path().join("aside"));
    std::fs::rename(&objects, &aside).unwrap();
    let pass = vault.vault.scrub(true).await.unwrap();
    assert!(pass.stopped.is_some() && pass.missing == 0, "{pass:?}");
    // An empty folder where the disk should be is no better.
    std::fs::create_dir(&objects).unwrap();
    let pass = vault.vault.scrub(true).await.unwrap();
    assert!(pass.stopped.is_some_and(|why| why.contains("right store")));
    std::fs::remove_dir(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    assert_eq!(vault.vault.scrub(true).await.unwrap().objects, 6);
    for id in ids {
        assert_eq!(row(&vault, id).await.state, State::Stored);
    }
}
