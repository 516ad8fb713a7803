//! After a restore: what was signed is put back, what was erased stays erased, and a ledger that is
//! another one is not written to.

use std::fs;
use std::path::PathBuf;

use callvault::model::{Event, RecordingId, Role, State};
use callvault::vault::Standing;
use uuid::Uuid;

use super::{events, export, fill};
use crate::harness::{ACME, SUPPORT, TestVault, tone};

/// A copy of the embedded index.
async fn copy(vault: &TestVault) -> PathBuf {
    assert!(vault.vault.index().checkpoint().await.unwrap());
    let copy = vault.dir.path().join("copy.db");
    fs::copy(vault.dir.path().join("index.db"), &copy).unwrap();
    copy
}

async fn state(vault: &TestVault, id: Uuid) -> State {
    let row = callvault::index::recordings::find(vault.vault.index(), RecordingId(id)).await;
    row.unwrap().unwrap().state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_index_gets_its_entries_back_and_erases_again() {
    let vault = TestVault::new().await;
    let gone = vault.recording(ACME, &tone(1.0, 1)).await;
    let restricted = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let compliance = vault.token(Role::Compliance).await;
    let old = copy(&vault).await;
    let object = fs::read_dir(vault.dir.path().join("objects")).unwrap().count();

    let body = serde_json::json!({ "cause": "request", "case": "dsr-1" });
    let path = format!("/v1/recordings/{gone}/erasure");
    assert_eq!(vault.post(&path).token(&admin).json(&body).send().await.status, 200);
    let path = format!("/v1/recordings/{restricted}/restriction");
    let body = serde_json::json!({ "case": "dsr-2" });
    assert_eq!(vault.post(&path).token(&compliance).json(&body).send().await.status, 204);
    let lost = vault.recording(SUPPORT, &tone(1.0, 3)).await;
    let dir = tempfile::tempdir().unwrap();
    export(&vault, dir.path()).await;
    let signed = callvault::index::ledger_tiles::logs(vault.vault.index()).await.unwrap();

    let vault = vault.restored(&old).await;
    assert_eq!(vault.vault.standing(), Standing::Sound);
    let now = callvault::index::ledger_tiles::logs(vault.vault.index()).await.unwrap();
    for log in signed {
        let size = now.iter().find(|now| now.id == log.id).unwrap().size;
        assert!(size >= log.size, "{log:?} {size}");
    }
    assert_eq!(state(&vault, gone).await, State::Tombstone);
    let row = callvault::index::recordings::find(vault.vault.index(), RecordingId(restricted));
    assert!(row.await.unwrap().unwrap().restricted);
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, gone, "purpose=own_use").await.status, 410);
    // What came in after the copy was made is gone, and the log says so.
    export(&vault, &dir.path().join("after")).await;
    let against = callvault::ledger::verify::Against::default();
    let verified = callvault::ledger::verify::directory(&dir.path().join("after"), &against);
    let provider = verified.unwrap().into_iter().find(|log| log.origin.ends_with("c/provider"));
    assert_eq!(provider.unwrap().recordings.lost, 1);
    let told = events(&dir.path().join("after/provider"));
    assert!(told.contains(&"restore.completed".to_owned()), "{told:?}");
    assert!(lost != gone && object > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_that_goes_on_in_a_copy_is_told_once() {
    let vault = TestVault::new().await;
    let ended = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let erased = vault.recording(ACME, &tone(1.0, 2)).await;
    let trainer = vault.token(Role::Trainer).await;
    let listener = vault.token(Role::CustomerListener).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    assert_eq!(vault.listen(&trainer, ended, "purpose=training").await.status, 200);
    assert_eq!(vault.listen(&listener, erased, "purpose=own_use").await.status, 200);
    let old = copy(&vault).await;
    let body = serde_json::json!({ "cause": "request", "case": "dsr-1" });
    let path = format!("/v1/recordings/{erased}/erasure");
    assert_eq!(vault.post(&path).token(&admin).json(&body).send().await.status, 200);
    vault.vault.end_own_playbacks().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    export(&vault, dir.path()).await;

    let vault = vault.restored(&old).await;
    vault.advance(jiff::SignedDuration::from_hours(1));
    vault.vault.keep_playbacks().await.unwrap();
    for id in [ended, erased] {
        assert_eq!(crate::playbacks::leaves(&vault, id, "access.played").await.len(), 1);
    }
    // Nothing was heard after it was erased, as who verifies reads it.
    export(&vault, &dir.path().join("after")).await;
    let against = callvault::ledger::verify::Against::default();
    callvault::ledger::verify::directory(&dir.path().join("after"), &against).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_kept_is_kept_and_the_journal_tells_nothing_twice() {
    let vault = TestVault::new().await;
    let gone = vault.recording(ACME, &tone(0.3, 1)).await;
    let held = vault.recording(SUPPORT, &tone(0.3, 2)).await;
    let objected = vault.recording(SUPPORT, &tone(0.3, 3)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let compliance = vault.token(Role::Compliance).await;
    vault.vault.flush_journal().await.unwrap();
    let old = copy(&vault).await;

    let body = serde_json::json!({ "cause": "request", "case": "dsr-1" });
    let path = format!("/v1/recordings/{gone}/erasure");
    assert_eq!(vault.post(&path).token(&admin).json(&body).send().await.status, 200);
    let body = serde_json::json!({
        "kind": "legal_claim", "case": "C-1", "recordings": [held], "review_on": "2026-06-20",
    });
    let placed = vault.post("/v1/holds").token(&compliance).json(&body).send().await;
    assert!(placed.status.is_success(), "{}", placed.text());
    let path = format!("/v1/recordings/{objected}/objection");
    let body = serde_json::json!({ "case": "C-2" });
    let made = vault.post(&path).token(&compliance).json(&body).send().await;
    assert!(made.status.is_success(), "{}", made.text());
    let dir = tempfile::tempdir().unwrap();
    export(&vault, dir.path()).await;

    let vault = vault.restored(&old).await;
    let done = vault.vault.restore().await.unwrap();
    assert_eq!((done.erased_again, done.lost, done.restricted), (0, 0, 0), "{done:?}");
    let find = |id| callvault::index::recordings::find(vault.vault.index(), RecordingId(id));
    assert!(find(held).await.unwrap().unwrap().held);
    assert!(find(objected).await.unwrap().unwrap().objected);
    let holds = vault.get("/v1/holds").token(&compliance).send().await.json();
    assert_eq!(holds["items"][0]["recordings"], 1, "{holds}");
    vault.vault.erase_due().await.unwrap();
    let about = callvault::index::ledger_entries::about(vault.vault.index(), RecordingId(gone));
    let about = about.await.unwrap();
    let erased = about.iter().filter(|entry| entry.event == Event::RecordingErased).count();
    assert_eq!((erased, state(&vault, gone).await), (1, State::Tombstone));
    export(&vault, &dir.path().join("after")).await;
    let against = callvault::ledger::verify::Against::default();
    callvault::ledger::verify::directory(&dir.path().join("after"), &against).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_exported_entries_nothing_is_served() {
    let vault = TestVault::new().await;
    let kept = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let trainer = vault.token(Role::Trainer).await;
    let pbx = vault.token(Role::Ingest).await;
    vault.vault.project().await.unwrap();
    let old = copy(&vault).await;
    fill(&vault, vault.vault.provider(), 10).await;
    vault.vault.project().await.unwrap();
    let ledger = vault.dir.path().join("objects/ledger");
    let aside = vault.dir.path().join("aside");
    fs::rename(&ledger, &aside).unwrap();

    let vault = vault.restored(&old).await;
    assert!(matches!(vault.vault.standing(), Standing::Quarantined(_)));
    let heard = vault.listen(&trainer, kept, "purpose=training").await;
    assert_eq!((heard.status.as_u16(), heard.code()), (503, "quarantined".to_owned()));
    let sent = vault.upload_as(&pbx, SUPPORT, &tone(1.0, 2)).await;
    assert_eq!((sent.status.as_u16(), sent.code()), (503, "quarantined".to_owned()));
    let ready = vault.get("/readyz").send().await;
    assert_eq!((ready.status.as_u16(), &ready.json()["ledger"]), (503, &false.into()));
    assert!(vault.vault.erase_due().await.is_err());
    // Entries that were changed are not taken for the missing ones.
    fs::rename(&aside, &ledger).unwrap();
    let bundles = crate::process::files(&ledger.join("provider/tile/entries"));
    let whole = fs::read(&bundles[0]).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&bundles[0], changed).unwrap();
    assert!(matches!(vault.vault.settle_ledger().await, Ok(Standing::Quarantined(_))));
    // The right ones are, and the vault opens by itself.
    fs::write(&bundles[0], whole).unwrap();
    assert_eq!(vault.vault.settle_ledger().await.unwrap(), Standing::Sound);
    assert_eq!(vault.listen(&trainer, kept, "purpose=training").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_stops_all_writing_and_keeps_both_notes() {
    let vault = TestVault::new().await;
    let pbx = vault.token(Role::Ingest).await;
    vault.vault.project().await.unwrap();
    let old = copy(&vault).await;
    fill(&vault, vault.vault.provider(), 10).await;
    vault.vault.project().await.unwrap();
    // Restored behind the back of a running vault, which writes on as if nothing had happened.
    let key = vault.dir.path().join("ledger.key");
    let state = vault.dir.path().join("ledger.key.state");
    fs::rename(&state, vault.dir.path().join("aside")).unwrap();
    let ledger = vault.dir.path().join("objects/ledger");
    fs::rename(&ledger, vault.dir.path().join("tiles")).unwrap();
    let vault = vault.restored(&old).await;
    vault.advance(jiff::SignedDuration::from_mins(1));
    fill(&vault, vault.vault.provider(), 20).await;
    fs::rename(vault.dir.path().join("aside"), &state).unwrap();
    assert!(key.exists());

    let signed = vault.vault.project().await;
    assert!(signed.is_err(), "{signed:?}");
    assert!(matches!(vault.vault.standing(), Standing::Forked(_)));
    let sent = vault.upload_as(&pbx, SUPPORT, &tone(1.0, 2)).await;
    assert_eq!((sent.status.as_u16(), sent.code()), (503, "forked".to_owned()));
    assert!(matches!(vault.vault.settle_ledger().await, Ok(Standing::Forked(_))));
    let kept = crate::process::files(&ledger.join("provider"));
    let note = kept.iter().find(|path| path.to_string_lossy().contains("fork-")).unwrap();
    let both = fs::read_to_string(note).unwrap();
    assert_eq!(both.matches("callvault.localhost/1/c/provider\n").count(), 2, "{both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_away_stays_away_and_what_is_lost_is_told() {
    let vault = TestVault::new().await;
    let trainer = vault.token(Role::Trainer).await;
    let operator = vault.token(Role::Operator).await;
    let caller = vault.vault.authenticate(&trainer).await.unwrap();
    let old = copy(&vault).await;
    vault.vault.revoke_token(caller.id).await.unwrap();
    let off = serde_json::json!({ "recording": false });
    let path = "/v1/customers/acme";
    let patch = axum::http::Request::patch(path);
    let answer = vault.request(patch).token(&operator).json(&off).send().await;
    assert!(answer.status.is_success(), "{}", answer.text());
    let late = vault.token(Role::Auditor).await;
    let dir = tempfile::tempdir().unwrap();
    export(&vault, dir.path()).await;

    let vault = vault.restored(&old).await;
    assert_eq!(vault.vault.standing(), Standing::Sound);
    let asked = vault.get("/v1/recordings").token(&trainer).send().await;
    assert_eq!(asked.status.as_u16(), 401, "a revoked token does not come back with the copy");
    assert_eq!(vault.upload(ACME, &tone(0.5, 1)).await.code(), "not_subscribed");
    let asked = vault.get("/v1/ledger").token(&late).send().await;
    assert_eq!(asked.status.as_u16(), 401, "the ledger holds no secrets: it has to be made again");
    let index = vault.vault.index();
    let told = callvault::index::ledger_entries::list(index, vault.vault.provider(), 0, 1000).await;
    let told = told.unwrap();
    let restored = told.iter().find(|entry| entry.event == Event::RestoreCompleted).unwrap();
    let body: serde_json::Value = serde_json::from_str(&restored.body).unwrap();
    assert_eq!(body["undone"]["tokens"], 1, "{body}");
}
