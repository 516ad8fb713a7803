//! The ledger as others see it.

mod outside;
mod restore;
mod rules;
mod served;
mod witness;

use std::path::Path;

use callvault::index::ledger_entries::{self, NewEntry};
use callvault::ledger::compose;
use callvault::ledger::tiles::entries_in;
use callvault::model::{ControllerId, Event};
use serde_json::json;

use crate::harness::TestVault;

/// Appends entries that mean nothing.
async fn fill(vault: &TestVault, log: ControllerId, count: usize) {
    let (now, event) = (vault.clock.now(), Event::TenantChanged);
    let entry = |n| NewEntry {
        controller: log,
        at: now,
        event,
        recording: None,
        body: compose(now, event, None, &json!({ "n": n })),
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    let mut tx = vault.vault.index().begin().await.unwrap();
    ledger_entries::append(&mut tx, &entries).await.unwrap();
    tx.commit().await.unwrap();
}

/// Exports every log into this folder.
async fn export(vault: &TestVault, to: &Path) -> Vec<String> {
    vault.vault.project().await.unwrap();
    vault.vault.export_logs(to, None).await.unwrap()
}

/// The words for what happened in an exported log.
pub(crate) fn events(log: &Path) -> Vec<String> {
    let mut events = Vec::new();
    for file in crate::process::files(&log.join("tile/entries")) {
        let bytes = std::fs::read(file).unwrap();
        for entry in entries_in(&bytes).unwrap() {
            let leaf: serde_json::Value = serde_json::from_slice(entry).unwrap();
            events.push(leaf["ev"].as_str().unwrap().to_owned());
        }
    }
    events
}
