//! `callvault restore`: brings an index that was put back up to date.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, open, output};
use crate::config::Config;

/// Brings an index from a backup up to date with the ledger and the wrap journal in the store.
///
/// Run it before `callvault serve`, with the newest keyring. What was erased since stays erased.
#[derive(Args)]
pub(super) struct Restore {}

impl Restore {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let done = vault.restore().await?;
        let rows = [
            ("journal entries", done.entries),
            ("journal objects damaged", done.damaged),
            ("recordings", done.recordings),
            ("open again", done.mended),
            ("numbers lost", done.numbers_lost),
            ("restricted, look at them", done.restricted),
            ("erased again", done.erased_again),
            ("due, left to the eraser", done.due),
            ("marked lost", done.lost),
            ("unindexed", done.unindexed),
        ];
        let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
        output::print(json, &done, rows)?;
        let well = done.damaged == 0 && done.lost == 0 && done.unindexed == 0;
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
