//! The wrap journal, the renewal of a day and what a restored index becomes with them.

use axum::http::StatusCode;
use callvault::crypto::WrapFacts;
use callvault::http::{App, router};
use callvault::index::{Kind, ledger_entries, sql};
use callvault::model::{Event, Recording, RecordingId, Role, State};
use callvault::vault::{ReconcileOptions, Rewrapped};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::erasing::{opens, row};
use crate::harness::{ACME, Engine, Place, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    every_wrap_goes_to_the_journal_once,
    what_left_a_day_early_opens_from_no_backup_after_the_next_forgetting,
    a_restored_index_plays_what_lives_and_nothing_that_was_erased,
    a_recording_that_only_the_journal_knows_is_kept_and_told_of,
    a_node_with_the_older_key_of_a_renewed_day_still_takes_recordings_in,
    many_small_journal_objects_become_one_and_dead_ones_go,
}

fn look(dry_run: bool) -> ReconcileOptions {
    // The store dates objects by the real clock, which is ahead of the test's.
    let grace = SignedDuration::from_hours(-24 * 365 * 100);
    ReconcileOptions { dry_run, confirm: false, grace }
}

async fn every_wrap_goes_to_the_journal_once(vault: TestVault) {
    vault.recording(SUPPORT, &tone(0.3, 1)).await;
    vault.recording(ACME, &tone(0.3, 2)).await;
    assert_eq!(vault.vault.flush_journal().await.unwrap(), 2);
    assert_eq!(vault.vault.flush_journal().await.unwrap(), 0);
    let found = vault.vault.reconcile(look(false)).await.unwrap();
    assert_eq!((found.objects, found.orphans, found.foreign, found.missing), (2, 0, 0, 0));
}

/// Erases a recording of acme because somebody asked for it.
async fn erase_early(vault: &TestVault, id: Uuid) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let body = serde_json::json!({"cause": "request", "case": "C-1"});
    let path = format!("/v1/recordings/{id}/erasure");
    let answer = vault.post(&path).token(&admin).json(&body).send().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

async fn callee(vault: &TestVault, id: Uuid) -> Option<String> {
    let admin = vault.token(Role::CustomerAdmin).await;
    let seen = vault.get(&format!("/v1/recordings/{id}")).token(&admin).send().await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text());
    seen.json()["callee"].as_str().map(str::to_owned)
}

async fn what_left_a_day_early_opens_from_no_backup_after_the_next_forgetting(vault: TestVault) {
    let gone = vault.recording(ACME, &tone(0.3, 1)).await;
    let kept = vault.recording(ACME, &tone(0.3, 2)).await;
    let backup = row(&vault, gone).await;
    let of_kept = row(&vault, kept).await;
    erase_early(&vault, gone).await;
    assert!(opens(&vault, &backup), "until the night an old index still opens it");
    let until = vault.vault.backups_unreadable_from(RecordingId(gone)).await.unwrap();
    assert_eq!(until, vault.clock.now().day().end(), "the next forgetting");

    let done = vault.vault.forget().await.unwrap();
    assert!(done.days.iter().any(|day| day.contains("(generation 0)")), "{:?}", done.days);
    assert!(!opens(&vault, &backup) && !opens(&vault, &of_kept), "no old copy opens");
    let now = row(&vault, kept).await;
    assert_eq!((now.key.day, now.key.generation), (of_kept.key.day, 1));
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, kept, "purpose=own_use").await.body, tone(0.3, 2));
    assert_eq!(callee(&vault, kept).await.as_deref(), Some("+31612345678"));
    let from = vault.vault.backups_unreadable_from(RecordingId(gone)).await.unwrap();
    assert_eq!(from, Some(vault.clock.now()));
    let entries =
        ledger_entries::list(vault.vault.index(), vault.vault.provider(), 0, 100).await.unwrap();
    let told = entries.iter().rfind(|entry| entry.event == Event::KekDestroyed).unwrap();
    let day = of_kept.key.day.to_string();
    assert!(told.body.contains(&day) && told.body.contains("\"generations\":[0]"), "{}", told.body);

    // Nothing left since: nothing is renewed again.
    assert!(vault.vault.forget().await.unwrap().days.is_empty());
    assert_eq!(row(&vault, kept).await.key.generation, 1);
    let newer = vault.recording(ACME, &tone(0.3, 3)).await;
    erase_early(&vault, newer).await;
    vault.vault.forget().await.unwrap();
    assert_eq!(row(&vault, kept).await.key.generation, 2, "and again when something leaves");
    assert_eq!(vault.listen(&listener, kept, "purpose=own_use").await.body, tone(0.3, 2));
}

const TABLES: [&str; 3] = ["recordings", "derived", "customers"];

/// A backup of the index, as far as this test loses it.
async fn back_up(vault: &TestVault) {
    let mut tx = vault.vault.index().begin().await.unwrap();
    for table in TABLES {
        let copy = format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}").leak();
        sql(copy).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn put_back(vault: &TestVault) {
    let mut tx = vault.vault.index().begin().await.unwrap();
    for statement in [
        "DELETE FROM tickets",
        "DELETE FROM derived",
        "DELETE FROM restrictions",
        "DELETE FROM hold_recordings",
        "DELETE FROM recordings",
        "DELETE FROM renewals",
        "INSERT INTO recordings SELECT * FROM backup_recordings",
        "INSERT INTO derived SELECT * FROM backup_derived",
    ] {
        sql(statement).execute(&mut tx).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Shortens a recording as a policy does: its wrap goes under an earlier day.
async fn shorten(vault: &TestVault, id: Uuid, days: i64) -> Recording {
    let old = row(vault, id).await;
    let due_at = old.due_at.plus(SignedDuration::from_hours(-24 * days));
    let day = due_at.day();
    vault.keys.ensure(&[old.controller], &[day]).await.unwrap();
    let from = WrapFacts {
        controller: old.controller,
        recording: old.id,
        kind: callvault::crypto::Kind::Audio,
        class: old.class,
        day: old.key.day,
        generation: old.key.generation,
        plain_len: old.metadata.size_bytes.unwrap().try_into().unwrap(),
        salt: old.key.salt.as_slice().try_into().unwrap(),
        commitment: old.key.commitment.as_slice().try_into().unwrap(),
    };
    let to = WrapFacts { day, generation: vault.keys.generation(day), ..from };
    let wrap = vault.keys.rewrap(old.key.wrap.as_ref().unwrap(), &from, &to).unwrap();
    let rewrapped = Rewrapped { facts: to, wrap: wrap.clone(), due_at };
    vault.vault.journal_wraps(&[rewrapped]).await.unwrap();
    let mut tx = vault.vault.index().begin().await.unwrap();
    let generation = to.generation;
    callvault::index::sql(
        "UPDATE recordings SET wrap = $1, key_day = $2, key_generation = $3, due_at = $4,
             metadata_due_at = CASE class WHEN 'customer' THEN $4 ELSE metadata_due_at END
         WHERE id = $5",
    )
    .bind(wrap.as_slice())
    .bind(day)
    .bind(generation)
    .bind(due_at)
    .bind(old.id)
    .execute(&mut tx)
    .await
    .unwrap();
    let text = match vault.vault.index().kind() {
        Kind::Sqlite => format!("x'{}'", old.id.0.simple()),
        Kind::Postgres => format!("'{}'", old.id.0),
    };
    let former = format!(
        "UPDATE recordings SET former_key_day = {}, former_key_generation = {}, numbers = NULL
         WHERE id = {text}",
        old.key.day.0, old.key.generation
    );
    sql(former.leak()).execute(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    row(vault, id).await
}

async fn a_restored_index_plays_what_lives_and_nothing_that_was_erased(vault: TestVault) {
    let kept = vault.recording(ACME, &tone(0.3, 1)).await;
    let gone = vault.recording(ACME, &tone(0.3, 2)).await;
    let shorter = vault.recording(ACME, &tone(0.3, 3)).await;
    let support = vault.recording(SUPPORT, &tone(0.3, 4)).await;
    let other = vault.recording(ACME, &tone(0.3, 5)).await;
    back_up(&vault).await;
    let before = row(&vault, shorter).await;

    erase_early(&vault, gone).await;
    let shortened = shorten(&vault, shorter, 10).await;
    vault.vault.forget().await.unwrap();
    // Its wraps are nowhere but in an index that is about to be lost.
    put_back(&vault).await;
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, kept, "purpose=own_use").await.status.as_u16(), 500);
    vault.advance(SignedDuration::from_secs(1));

    let done = vault.vault.restore().await.unwrap();
    assert_eq!((done.erased_again, done.lost, done.unindexed, done.damaged), (1, 0, 0, 0));
    assert_eq!((done.mended, done.recordings), (3, 5), "{done:?}");
    for (id, seed) in [(kept, 1), (shorter, 3), (other, 5)] {
        let heard = vault.listen(&listener, id, "purpose=own_use").await;
        assert_eq!(heard.body, tone(0.3, seed), "{}", heard.text());
    }
    let trainer = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&trainer, support, "purpose=training").await.body, tone(0.3, 4));
    let answer = vault.listen(&listener, gone, "purpose=own_use").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::GONE, "erased"));
    let now = row(&vault, shorter).await;
    assert_eq!((now.due_at, now.key.day), (shortened.due_at, shortened.key.day));
    assert!(now.due_at < before.due_at && !opens(&vault, &before));
    let seen = vault.get(&format!("/v1/recordings/{kept}")).token(&listener).send().await;
    assert_eq!(seen.status, StatusCode::OK, "numbers that do not open are absent, not an error");
    let again = vault.vault.restore().await.unwrap();
    assert_eq!((again.mended, again.erased_again, again.numbers_lost), (0, 0, 0), "{again:?}");

    vault.advance_days(21);
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1, "at its shorter term");
    assert_eq!(row(&vault, kept).await.state, State::Stored);
}

async fn a_recording_that_only_the_journal_knows_is_kept_and_told_of(vault: TestVault) {
    vault.recording(SUPPORT, &tone(0.3, 1)).await;
    back_up(&vault).await;
    let after = vault.recording(ACME, &tone(0.3, 2)).await;
    let gone = vault.recording(ACME, &tone(0.3, 3)).await;
    vault.vault.flush_journal().await.unwrap();
    vault.advance(SignedDuration::from_secs(1));
    erase_early(&vault, gone).await;
    vault.vault.flush_journal().await.unwrap();
    put_back(&vault).await;
    let never = RecordingId::random();
    vault.store.put(never, vec![bytes::Bytes::from_static(b"an upload that died")]).await.unwrap();
    assert_eq!(vault.vault.restore().await.unwrap().unindexed, 1);
    let found = vault.vault.reconcile(look(false)).await.unwrap();
    assert_eq!((found.unindexed, found.orphans, found.orphans_removed), (1, 1, 1));
    assert!(vault.store.size(RecordingId(after)).await.unwrap().is_some(), "it is never deleted");
    vault.advance_days(31);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.forget().await.unwrap();
    let found = vault.vault.reconcile(look(false)).await.unwrap();
    assert_eq!((found.unindexed, found.orphans_removed), (0, 1), "until its key is forgotten");
}

async fn a_node_with_the_older_key_of_a_renewed_day_still_takes_recordings_in(vault: TestVault) {
    let first = vault.recording(ACME, &tone(0.3, 1)).await;
    let day = row(&vault, first).await.key.day;
    let other = vault.own_keyring_node().await;
    assert_eq!(vault.vault.renew(day).await.unwrap().wraps, 1);
    let token = vault.token(Role::Ingest).await;
    let (kind, body) = crate::harness::form(ACME, &tone(0.3, 2));
    let request = axum::http::Request::post("/v1/recordings")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind)
        .body(axum::body::Body::from(body))
        .unwrap();
    let node = router(App::new(other.clone(), String::new));
    let answer = tower::ServiceExt::oneshot(node, request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let id: Uuid = body["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(row(&vault, id).await.key.generation, 1, "under the key that stays");
    vault.vault.forget().await.unwrap();
    let listener = vault.token(Role::CustomerListener).await;
    for (id, seed) in [(first, 1), (id, 2)] {
        assert_eq!(vault.listen(&listener, id, "purpose=own_use").await.body, tone(0.3, seed));
    }
}

async fn many_small_journal_objects_become_one_and_dead_ones_go(vault: TestVault) {
    use futures_util::StreamExt;
    back_up(&vault).await;
    let mut ids = Vec::new();
    for seed in 0..66 {
        let fields = if seed % 2 == 0 { ACME } else { SUPPORT };
        ids.push(vault.recording(fields, &tone(0.1, seed)).await);
        vault.vault.flush_journal().await.unwrap();
    }
    assert_eq!(vault.store.list_journal().count().await, 66);
    vault.advance_days(31);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap();
    vault.vault.forget().await.unwrap();
    vault.vault.compact_journal().await.unwrap();
    assert_eq!(vault.store.list_journal().count().await, 1);
    put_back(&vault).await;
    let done = vault.vault.restore().await.unwrap();
    assert_eq!((done.entries, done.unindexed), (33, 33), "{done:?}");
}

#[tokio::test]
async fn while_the_store_is_away_days_are_forgotten_and_renewed_keys_wait() {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    let faults = vault.faults.clone().unwrap();
    let gone = vault.recording(ACME, &tone(0.3, 1)).await;
    let kept = vault.recording(ACME, &tone(0.3, 2)).await;
    let backup = row(&vault, gone).await;
    erase_early(&vault, gone).await;
    faults.be_away(true);
    vault.advance_days(1);
    vault.vault.forget().await.unwrap();
    assert!(opens(&vault, &backup), "the journal does not have the new wraps yet");
    assert!(opens(&vault, &row(&vault, kept).await));
    faults.be_away(false);
    vault.vault.forget().await.unwrap();
    assert!(!opens(&vault, &backup));
    assert!(opens(&vault, &row(&vault, kept).await));
}

#[tokio::test]
async fn what_was_kept_past_its_term_is_kept_by_a_restore_that_does_not_know_why() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(0.3, 1)).await;
    let lifted = vault.recording(SUPPORT, &tone(0.3, 2)).await;
    vault.vault.flush_journal().await.unwrap();
    back_up(&vault).await;
    let dpo = vault.token(Role::Compliance).await;
    let case = serde_json::json!({"case": "C-9"});
    for id in [id, lifted] {
        let path = format!("/v1/recordings/{id}/restriction");
        vault.post(&path).token(&dpo).json(&case).send().await;
    }
    vault.advance_days(95);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.forget().await.unwrap();
    let lift = axum::http::Request::delete(format!("/v1/recordings/{lifted}/restriction"));
    let withdrawn = serde_json::json!({"case": "C-9", "outcome": "withdrawn"});
    vault.request(lift).token(&dpo).json(&withdrawn).send().await;
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    vault.vault.flush_journal().await.unwrap();
    put_back(&vault).await;

    let done = vault.vault.restore().await.unwrap();
    assert_eq!((done.restricted, done.erased_again, done.lost), (1, 1, 0), "{done:?}");
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0);
    let kept = row(&vault, id).await;
    assert!(kept.restricted && opens(&vault, &kept));
    assert_ne!(row(&vault, lifted).await.state, State::Stored);
}
