//! A minimum term that rose keeps what is there, whatever its rows still say: applying it takes a
//! while, and may fail.

use callvault::index::{controllers, ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId, Role, State};
use uuid::Uuid;

use crate::harness::{ACME, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    what_is_due_below_a_floor_that_rose_is_put_back,
    a_floor_holds_up_nobody_else,
}

/// Gives acme a floor without applying it: the rows say what they said.
async fn raise(vault: &TestVault, floor: &str) {
    let index = vault.vault.index();
    let found = controllers::find_customer(index, &"acme".parse().unwrap()).await.unwrap();
    let mut customer = found.unwrap();
    customer.floor = Some(floor.parse().unwrap());
    let mut tx = index.begin().await.unwrap();
    assert!(controllers::update_customer(&mut tx, &customer).await.unwrap());
    tx.commit().await.unwrap();
}

async fn state(vault: &TestVault, id: Uuid) -> State {
    rows::find(vault.vault.index(), RecordingId(id)).await.unwrap().unwrap().state
}

async fn erase(vault: &TestVault, days: i64) -> u64 {
    vault.advance_days(days);
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap().erased
}

async fn what_is_due_below_a_floor_that_rose_is_put_back(vault: TestVault) {
    let id = vault.recording(ACME, &tone(0.5, 1)).await;
    raise(&vault, "P60D").await;
    assert_eq!(erase(&vault, 31).await, 0, "its row says 30 days, the law 60");
    assert_eq!(state(&vault, id).await, State::Stored);
    let index = vault.vault.index();
    let told = ledger_entries::about(index, RecordingId(id)).await.unwrap();
    let started = |entry: &callvault::model::Entry| entry.event == Event::ErasureStarted;
    assert!(!told.iter().any(started), "nothing began that somebody has to explain");
    let row = rows::find(index, RecordingId(id)).await.unwrap().unwrap();
    assert!(row.key.wrap.is_some() && row.cause.is_none() && row.case_id.is_none());
    // Past its term nobody hears it, floor or not.
    let listener = vault.token(Role::CustomerListener).await;
    let heard = vault.listen(&listener, id, "purpose=own_use").await;
    assert_eq!((heard.status.as_u16(), heard.code().as_str()), (410, "past_due"));
    // A second pass passes it over just so, and the end of the floor ends it, once.
    assert_eq!(erase(&vault, 1).await, 0);
    assert_eq!(erase(&vault, 29).await, 1);
    let told = ledger_entries::about(index, RecordingId(id)).await.unwrap();
    assert_eq!(told.iter().filter(|entry| started(entry)).count(), 1);
}

async fn a_floor_holds_up_nobody_else(vault: TestVault) {
    let kept = vault.recording(ACME, &tone(0.5, 1)).await;
    let support = vault.recording(crate::harness::SUPPORT, &tone(0.5, 2)).await;
    let mut globex = ACME.to_vec();
    globex[1] = ("customer", "globex");
    let other = vault.recording(&globex, &tone(0.5, 3)).await;
    raise(&vault, "P2Y").await;
    // All of these are due, the floored one first.
    assert_eq!(erase(&vault, 400).await, 2);
    for (id, expected) in
        [(kept, State::Stored), (support, State::Tombstone), (other, State::Tombstone)]
    {
        assert_eq!(state(&vault, id).await, expected);
    }
}
