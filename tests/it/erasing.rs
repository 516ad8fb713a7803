//! What must go, goes: on time, once, verifiably, whatever dies meanwhile.

use axum::http::StatusCode;
use callvault::index::{ledger_entries, recordings};
use callvault::model::{Event, RecordingId, Role, State};
use callvault::store::Absence;
use callvault::vault::ReconcileOptions;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::harness::{ACME, Engine, Place, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_recording_is_erased_when_due_and_leaves_a_tombstone,
    two_erasers_erase_once,
    what_is_forgotten_opens_from_no_backup,
    an_early_erasure_needs_a_case_and_says_so,
    reconciling_finds_orphans_and_missing_objects,
}

async fn a_recording_is_erased_when_due_and_leaves_a_tombstone(vault: TestVault) {
    let support = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let acme = vault.recording(ACME, &tone(1.0, 2)).await;
    vault.advance_days(29);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0, "nothing goes early (I6)");

    vault.advance_days(1);
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.unfinished, pass.buried), (1, 0, 0));
    let row = row(&vault, acme).await;
    assert_eq!(row.state, State::Tombstone, "a customer's details go with the audio (I11)");
    assert_eq!(absence(&vault, acme).await, Absence::Absent);

    vault.advance_days(60);
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    let token = vault.token(Role::Trainer).await;
    let gone = vault.listen(&token, support, "purpose=training").await;
    assert_eq!((gone.status, gone.code().as_str()), (StatusCode::GONE, "erased"));
    assert_eq!(gone.json()["tombstone"]["cause"], "term");
    assert_eq!(self::row(&vault, support).await.metadata.agent.as_deref(), Some("willem"));

    vault.advance_days(1);
    assert_eq!(vault.vault.erase_due().await.unwrap().looked_again, 1);
    vault.advance_days(100);
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().buried, 1);
    let tombstone = self::row(&vault, support).await;
    assert_eq!(tombstone.state, State::Tombstone);
    assert_eq!(tombstone.metadata, callvault::model::Metadata::default());
    assert_eq!(tombstone.due_at.micros() % 3_600_000_000, 0, "the hour, not the instant");
    assert_eq!(
        events(&vault, support).await,
        [
            Event::RecordingAccepted,
            Event::ErasureStarted,
            Event::ErasureKeyDestroyed,
            Event::RecordingErased,
            Event::AccessDenied,
            Event::ErasureReverified,
            Event::MetadataErased,
        ]
    );
}

async fn two_erasers_erase_once(vault: TestVault) {
    let mut ids = Vec::new();
    for seed in 0..12 {
        ids.push(vault.recording(ACME, &tone(0.2, seed)).await);
    }
    vault.advance_days(31);
    let other = vault.second_node().await;
    let (one, two) = tokio::join!(vault.vault.erase_due(), other.erase_due());
    assert_eq!(one.unwrap().erased + two.unwrap().erased, 12);
    for id in ids {
        let erased = events(&vault, id).await;
        let count = erased.iter().filter(|event| **event == Event::RecordingErased).count();
        assert_eq!(count, 1, "exactly one leaf (I8)");
    }
}

async fn what_is_forgotten_opens_from_no_backup(vault: TestVault) {
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    let survivor = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let backup = row(&vault, id).await;
    assert!(opens(&vault, &backup));

    vault.advance_days(31);
    vault.vault.erase_due().await.unwrap();
    assert!(opens(&vault, &backup), "until the night an old index backup still opens");
    let done = vault.vault.forget().await.unwrap();
    assert!(!done.days.is_empty());
    assert!(!opens(&vault, &backup), "after it none does (I3)");
    assert!(opens(&vault, &row(&vault, survivor).await));
    let token = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&token, survivor, "purpose=training").await.status, StatusCode::OK);
}

async fn an_early_erasure_needs_a_case_and_says_so(vault: TestVault) {
    let call = [SUPPORT, &[("call_id", "c-1")]].concat();
    let id = vault.recording(&call, &tone(1.0, 1)).await;
    let dpo = vault.token(Role::Compliance).await;
    let path = format!("/v1/recordings/{id}/erasure");
    let ask = |body| vault.post(&path).token(&dpo).json(&body).send();
    let no_case = ask(serde_json::json!({"cause": "request"})).await;
    assert_eq!(no_case.code(), "malformed");
    let name = ask(serde_json::json!({"cause": "request", "case": "mevrouw de Vries"})).await;
    assert_eq!(name.code(), "invalid_field");
    let term = ask(serde_json::json!({"cause": "term", "case": "C-1"})).await;
    assert_eq!(term.code(), "invalid_field", "only the eraser gives the cause term (I6)");
    let done = ask(serde_json::json!({"cause": "request", "case": "C-1"})).await;
    assert_eq!((done.status, done.json()["cause"].as_str()), (StatusCode::OK, Some("request")));
    assert!(done.json()["erased_at"].is_string());
    assert_eq!(absence(&vault, id).await, Absence::Absent);
    let again = ask(serde_json::json!({"cause": "request", "case": "C-1"})).await;
    assert_eq!((again.status, again.code().as_str()), (StatusCode::GONE, "erased"));
    let retry = vault.upload(&call, &tone(1.0, 1)).await;
    assert_eq!(retry.code(), "conflict", "a PBX's retry brings nothing back");
    let trainer = vault.token(Role::Trainer).await;
    let other = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let path = format!("/v1/recordings/{other}/erasure");
    let body = serde_json::json!({"cause": "request", "case": "C-1"});
    assert_eq!(vault.post(&path).token(&trainer).json(&body).send().await.code(), "forbidden");
}

async fn reconciling_finds_orphans_and_missing_objects(vault: TestVault) {
    let kept = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let missing = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let orphan = RecordingId::random();
    vault.store.put(orphan, vec![bytes::Bytes::from_static(b"left behind")]).await.unwrap();
    vault.store.delete(&[RecordingId(missing)]).await;
    // The store dates objects by the real clock, which is ahead of the test's.
    let options = |dry_run| ReconcileOptions {
        dry_run,
        confirm: false,
        grace: SignedDuration::from_hours(-24 * 365 * 100),
    };
    let seen = vault.vault.reconcile(options(true)).await.unwrap();
    assert_eq!((seen.orphans, seen.missing, seen.orphans_removed), (1, 1, 0));
    let done = vault.vault.reconcile(options(false)).await.unwrap();
    assert_eq!((done.orphans_removed, done.marked_lost), (1, 1));
    assert_eq!(row(&vault, missing).await.state, State::Lost);
    assert_eq!(row(&vault, kept).await.state, State::Stored);
    let clean = vault.vault.reconcile(options(false)).await.unwrap();
    assert_eq!((clean.objects, clean.recordings, clean.orphans, clean.missing), (1, 1, 0, 0));
    let token = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&token, missing, "purpose=training").await.code(), "lost");
}

#[tokio::test]
async fn the_key_of_a_restricted_recording_moves_on_and_old_backups_of_it_die() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let dpo = vault.token(Role::Compliance).await;
    let path = format!("/v1/recordings/{id}/restriction");
    let case = serde_json::json!({"case": "C-9"});
    vault.post(&path).token(&dpo).json(&case).send().await;
    let before = row(&vault, id).await;

    vault.advance_days(95);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.forget().await.unwrap();
    let moved = row(&vault, id).await;
    assert!(!opens(&vault, &before), "its first day is forgotten");
    assert!(opens(&vault, &moved), "and it is kept all the same");

    let lift = axum::http::Request::delete(&path);
    let over = serde_json::json!({"case": "C-9", "outcome": "withdrawn"});
    vault.request(lift).token(&dpo).json(&over).send().await;
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    vault.advance_days(31);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.forget().await.unwrap();
    assert!(!opens(&vault, &moved), "no copy of its row opens a month later");
}

#[tokio::test]
async fn a_store_that_does_not_delete_keeps_the_erasure_open() {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    let faults = vault.faults.clone().unwrap();
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    vault.advance_days(31);
    faults.lie_about_deleting(true);
    let pass = vault.second_node().await.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.unfinished), (0, 1));
    let waiting = row(&vault, id).await;
    assert_eq!(waiting.state, State::Erasing);
    assert!(waiting.key.wrap.is_none(), "the key is gone whatever the store does");

    faults.lie_about_deleting(false);
    vault.advance(SignedDuration::from_mins(10));
    let pass = vault.second_node().await.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.unfinished), (1, 0));
}

pub(crate) async fn row(vault: &TestVault, id: Uuid) -> callvault::model::Recording {
    recordings::find(vault.vault.index(), RecordingId(id)).await.unwrap().unwrap()
}

async fn absence(vault: &TestVault, id: Uuid) -> Absence {
    vault.store.absent(&[RecordingId(id)]).await.remove(0).1.unwrap()
}

/// The events of a recording, in order.
pub(crate) async fn events(vault: &TestVault, id: Uuid) -> Vec<Event> {
    let controller = row(vault, id).await.controller;
    let entries = ledger_entries::list(vault.vault.index(), controller, 0, 1000).await.unwrap();
    let about = entries.into_iter().filter(|entry| entry.recording == Some(RecordingId(id)));
    about.map(|entry| entry.event).collect()
}

/// Whether a row, as a backup may hold it, still opens with the keys there are.
pub(crate) fn opens(vault: &TestVault, row: &callvault::model::Recording) -> bool {
    opens_with(&vault.keys, row)
}

/// Whether a row opens with these keys.
pub(crate) fn opens_with(
    keys: &callvault::crypto::Keys,
    row: &callvault::model::Recording,
) -> bool {
    keys.unwrap(row.key.wrap.as_ref().unwrap(), &facts(row)).is_ok()
}

/// What a row's wrap is bound to.
fn facts(row: &callvault::model::Recording) -> callvault::crypto::WrapFacts {
    callvault::crypto::WrapFacts {
        controller: row.controller,
        recording: row.id,
        kind: callvault::crypto::Kind::Audio,
        class: row.class,
        day: row.key.day,
        generation: row.key.generation,
        plain_len: row.metadata.size_bytes.unwrap().try_into().unwrap(),
        salt: row.key.salt.as_slice().try_into().unwrap(),
        commitment: row.key.commitment.as_slice().try_into().unwrap(),
    }
}

#[tokio::test]
async fn a_restriction_on_what_is_claimed_meanwhile_is_refused_whole() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let before = row(&vault, id).await;
    let mut tx = vault.vault.index().begin().await.unwrap();
    let case = Some("C-1");
    let cause = callvault::model::Cause::Request;
    recordings::claim_one(&mut tx, RecordingId(id), cause, case, vault.clock.now()).await.unwrap();
    // What restricting does last, after the eraser came in between.
    let from = before.key.day;
    let row = recordings::Suspended { id: RecordingId(id), from, wrap: vec![0; 60], numbers: None };
    let moved = recordings::move_suspended(&mut tx, from, 0, &[row]).await.unwrap();
    assert_eq!(moved, 0, "a claimed recording keeps its key where it is");
    tx.commit().await.unwrap();
    let dpo = vault.token(Role::Compliance).await;
    let path = format!("/v1/recordings/{id}/restriction");
    let body = serde_json::json!({"case": "C-9"});
    let answer = vault.post(&path).token(&dpo).json(&body).send().await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::CONFLICT, "conflict"));
    assert!(!self::row(&vault, id).await.restricted);
    assert!(!events(&vault, id).await.contains(&Event::RestrictionSet));
}

#[tokio::test]
async fn nothing_is_erased_early_below_the_floor() {
    let vault = TestVault::new().await;
    let new = callvault::vault::NewCustomer {
        reference: "bank".parse().unwrap(),
        name: "Bank".into(),
        agreement: Some("VWO-2".into()),
        term: Some("P5Y".parse().unwrap()),
        floor: Some("P1Y".parse().unwrap()),
        ceiling: None,
        legal_basis: Some("Wft 4:18e".into()),
    };
    vault.vault.add_customer(new).await.unwrap();
    let mut fields = ACME.to_vec();
    fields[1] = ("customer", "bank");
    let id = vault.recording(&fields, &tone(1.0, 1)).await;
    let admin = vault.token_of(Role::CustomerAdmin, Some("bank"), None).await;
    let path = format!("/v1/recordings/{id}/erasure");
    let body = serde_json::json!({"cause": "request", "case": "C-1"});
    let below = vault.post(&path).token(&admin).json(&body).send().await;
    assert_eq!((below.status, below.code().as_str()), (StatusCode::CONFLICT, "below_floor"));
    vault.advance_days(365);
    let above = vault.post(&path).token(&admin).json(&body).send().await;
    assert_eq!(above.status, StatusCode::OK, "{}", above.text());
}

#[tokio::test]
async fn an_administrator_of_some_lines_reaches_no_others() {
    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    let new = callvault::vault::NewToken {
        name: "line 202".into(),
        roles: [Role::CustomerAdmin].into(),
        customer: Some("acme".parse().unwrap()),
        class: None,
        lines: Some(["202".to_owned()].into()),
        agent: None,
        own_calls_only: false,
        expires_at: None,
    };
    let admin = vault.vault.create_token(&new).await.unwrap().1;
    let case = serde_json::json!({"case": "C-1"});
    let erase = serde_json::json!({"cause": "request", "case": "C-1"});
    for (what, body) in [("restriction", case), ("erasure", erase)] {
        let path = format!("/v1/recordings/{id}/{what}");
        let answer = vault.post(&path).token(admin.reveal()).json(&body).send().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
    }
    assert_eq!(row(&vault, id).await.state, State::Stored);
}

#[tokio::test]
async fn what_is_in_the_store_again_is_erased_and_looked_for_until_it_stays_away() {
    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    vault.advance_days(31);
    vault.vault.erase_due().await.unwrap();
    let back = vec![bytes::Bytes::from_static(b"restored from somewhere")];
    vault.store.put(RecordingId(id), back).await.unwrap();
    vault.advance_days(1);
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.reappeared, pass.looked_again), (1, 0));
    assert_eq!(absence(&vault, id).await, Absence::Absent);
    vault.advance(SignedDuration::from_mins(11));
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.reappeared, pass.looked_again), (0, 1));
    let last = events(&vault, id).await.pop();
    assert_eq!(last, Some(Event::ErasureReverified));
}

#[tokio::test]
async fn a_forgetting_that_died_before_its_entry_is_told_by_the_next() {
    let vault = TestVault::new().await;
    vault.recording(ACME, &tone(1.0, 1)).await;
    vault.vault.forget().await.unwrap();
    vault.advance_days(31);
    vault.vault.erase_due().await.unwrap();
    // The keyring was changed and then the node died.
    let died = vault.keys.forget(vault.clock.now().day()).await.unwrap();
    let day = died.days[0].0.to_string();
    vault.vault.forget().await.unwrap();
    let entries = ledger_entries::list(vault.vault.index(), vault.vault.provider(), 0, 100).await;
    let told: Vec<_> = entries
        .unwrap()
        .into_iter()
        .filter(|entry| entry.event == Event::KekDestroyed)
        .map(|entry| entry.body)
        .collect();
    assert_eq!(told.len(), 3);
    assert!(told[1].contains(&day), "{told:?}");
    assert!(!told[2].contains(&day), "once: {told:?}");
}

#[tokio::test]
async fn what_was_lost_can_be_sent_again() {
    let vault = TestVault::new().await;
    let call = [SUPPORT, &[("call_id", "c-1")]].concat();
    let lost = vault.recording(&call, &tone(1.0, 1)).await;
    vault.store.delete(&[RecordingId(lost)]).await;
    let options =
        ReconcileOptions { dry_run: false, confirm: false, grace: SignedDuration::from_hours(24) };
    assert_eq!(vault.vault.reconcile(options).await.unwrap().marked_lost, 1);
    let again = vault.recording(&call, &tone(1.0, 1)).await;
    assert_ne!(again, lost);
    let token = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&token, again, "purpose=training").await.body, tone(1.0, 1));
    assert_eq!(vault.upload(&call, &tone(1.0, 1)).await.status, StatusCode::OK, "known again");
}

/// What was sealed under a recording's key, if its key still opens.
pub(crate) fn note_of(
    vault: &TestVault,
    row: &callvault::model::Recording,
    label: &'static str,
    sealed: &[u8],
) -> Option<Vec<u8>> {
    use callvault::crypto::{Context, Kind, open_note};
    let dek = vault.keys.unwrap(row.key.wrap.as_ref()?, &facts(row)).ok()?;
    let context = Context { controller: row.controller, recording: row.id, kind: Kind::Audio };
    open_note(&dek, context, label, sealed).ok().map(|text| text.to_vec())
}
