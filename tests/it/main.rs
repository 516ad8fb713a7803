//! The promises of the vault, one file each, in one program.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene has failed")]

mod accounts;
mod agents;
mod architecture;
mod audio_corpus;
mod backend;
mod browser;
mod certificates;
mod challenge;
mod clock;
mod config_file;
mod corpus;
mod erasing;
mod evidence;
mod faults;
mod floors;
mod four_eyes;
mod freshness;
mod harness;
mod heard;
mod holds;
mod index;
mod ingest;
mod journal;
mod leaving;
mod leaving_kept;
mod ledger;
mod limits;
mod listening;
mod lying_stores;
mod mutes;
mod operating;
mod playback;
mod playbacks;
mod policies;
mod privacy;
mod process;
mod reader;
mod restriction;
mod screens;
mod scrub;
mod signing_in;
mod store;
mod system;
mod tenants;
mod training;
mod webhooks;

/// What the ledger of a controller says, a leaf a line.
async fn ledger_of(
    vault: &harness::TestVault,
    controller: callvault::model::ControllerId,
) -> String {
    let entries = callvault::index::ledger_entries::list(vault.vault.index(), controller, 0, 1000);
    let bodies: Vec<_> = entries.await.unwrap().into_iter().map(|entry| entry.body).collect();
    bodies.join("\n")
}
