//! The clock can delay an erasure and never advance one (I17).

use axum::http::StatusCode;
use callvault::index::guards;
use callvault::model::{Clock, Purpose, RecordingId, Role, State};
use callvault::vault::{Error, Form, Parts, Vault, Wish};
use futures_util::StreamExt;
use jiff::SignedDuration;

use crate::erasing::{opens, row};
use crate::harness::{ACME, Engine, NOW, Place, SUPPORT, TestVault, settings, tone};

#[tokio::test]
async fn a_clock_that_jumps_ahead_pauses_erasing_until_confirmed() {
    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    vault.vault.erase_due().await.unwrap();
    vault.clock.jump(SignedDuration::from_hours(24 * 400));
    let pass = vault.vault.erase_due().await.unwrap();
    assert!(pass.paused.is_some_and(|reason| reason.contains("--confirm")));
    assert_eq!(pass.erased, 0);
    assert!(vault.vault.forget().await.is_err(), "nor is anything forgotten");
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, id, "purpose=own_use").await.code(), "past_due");

    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
}

#[tokio::test]
async fn a_long_silence_and_more_to_erase_than_usual_waits_for_a_person() {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    vault.vault.erase_due().await.unwrap();
    for seed in 0..51 {
        vault.recording(ACME, &tone(0.1, seed)).await;
    }
    vault.advance_days(31);
    // A node that starts after the silence has no earlier look at the clock of its own.
    let node = vault.second_node().await;
    let pass = node.erase_due().await.unwrap();
    assert!(pass.paused.is_some_and(|reason| reason.contains("51 recordings")));
    node.confirm_erasing().await.unwrap();
    assert_eq!(node.erase_due().await.unwrap().erased, 51);
}

#[tokio::test]
async fn a_process_that_starts_long_after_the_last_one_does_not_trust_its_clock_alone() {
    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(0.1, 1)).await;
    vault.vault.erase_due().await.unwrap();
    vault.clock.jump(SignedDuration::from_hours(24 * 40));
    let node = vault.second_node().await;
    let pass = node.erase_due().await.unwrap();
    assert!(pass.paused.is_some_and(|reason| reason.contains("no other clock")));
    assert!(node.forget().await.is_err());
    assert!(opens(&vault, &row(&vault, id).await), "nothing of it is gone (I17)");

    // The clock was wrong, and is put right: erasing goes on by itself once somebody confirms.
    vault.clock.jump(SignedDuration::from_hours(-24 * 40));
    node.confirm_erasing().await.unwrap();
    assert_eq!(node.erase_due().await.unwrap().erased, 0);
    let listener = vault.token(Role::CustomerListener).await;
    assert_eq!(vault.listen(&listener, id, "purpose=own_use").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_clock_that_jumps_during_a_pass_erases_nothing_early() {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    let due = vault.recording(ACME, &tone(1.0, 1)).await;
    let early = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    vault.advance_days(31);
    let faults = vault.faults.clone().unwrap();
    faults.jump_when_deleting(&vault.clock, SignedDuration::from_hours(24 * 400));
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.paused), (1, None));
    assert_eq!(row(&vault, due).await.state, State::Tombstone);
    assert_eq!(row(&vault, early).await.state, State::Stored, "not due when the pass began (I17)");
    assert!(vault.vault.erase_due().await.unwrap().paused.is_some());
}

#[tokio::test]
async fn a_node_whose_clock_runs_behind_plays_nothing_that_others_know_to_be_past_due() {
    let vault = TestVault::new().await;
    let audio = tone(1.0, 1);
    let id = vault.recording(ACME, &audio).await;
    let listener = vault.token(Role::CustomerListener).await;
    let behind = Clock::manual(NOW.parse().unwrap());
    let node = Vault::open(Parts {
        index: vault.vault.index().clone(),
        store: vault.store.clone(),
        keys: vault.keys.clone(),
        signer: None,
        clock: behind,
        settings: settings(),
    });
    let node = node.await.unwrap();
    let wish = Wish { recording: RecordingId(id), purpose: Some(Purpose::OwnUse), case: None };
    let caller = node.authenticate(&listener).await.unwrap();
    let heard = node.hear(&caller, &wish).await.unwrap();
    let running = node.content(&heard, Some(Form::Original)).await.unwrap();

    // No eraser runs, so that only the term can refuse.
    vault.advance_days(31);
    let mut tx = vault.vault.index().begin().await.unwrap();
    guards::see_clock(&mut tx, vault.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    node.follow_clocks().await.unwrap();
    assert!(matches!(node.hear(&caller, &wish).await, Err(Error::PastDue(_))));
    let rest: Vec<_> = running.windows(0..running.len()).collect().await;
    assert!(matches!(rest[..], [Err(Error::PastDue(_))]), "nor does a stream go on");
    // A node that starts then knows it from the first request on.
    let node = Vault::open(Parts {
        index: vault.vault.index().clone(),
        store: vault.store.clone(),
        keys: vault.keys.clone(),
        signer: None,
        clock: Clock::manual(NOW.parse().unwrap()),
        settings: settings(),
    });
    let node = node.await.unwrap();
    assert!(matches!(node.hear(&caller, &wish).await, Err(Error::PastDue(_))));
}
