//! `callvault reconcile`: store against index, both ways.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use jiff::SignedDuration;

use super::{FAILED, open, output};
use crate::config::Config;
use crate::vault::ReconcileOptions;

/// Compares store and index: takes out objects of uploads that died, marks recordings whose object
/// is missing.
#[derive(Args)]
pub(super) struct Reconcile {
    /// Only look.
    #[arg(long)]
    dry_run: bool,
    /// Act even on many differences.
    #[arg(long)]
    confirm: bool,
    /// How old an object without a recording must be (ISO 8601).
    #[arg(long, default_value = "PT24H")]
    grace: SignedDuration,
}

impl Reconcile {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let Self { dry_run, confirm, grace } = self;
        let found = vault.reconcile(ReconcileOptions { dry_run, confirm, grace }).await?;
        let rows = [
            ("objects", found.objects),
            ("recordings", found.recordings),
            ("orphans", found.orphans),
            ("unindexed, kept", found.unindexed),
            ("orphans removed", found.orphans_removed),
            ("missing", found.missing),
            ("marked lost", found.marked_lost),
            ("unfinished uploads removed", found.unfinished_removed),
            ("foreign objects", found.foreign),
        ];
        let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
        output::print(json, &found, rows)?;
        if let Some(reason) = &found.stopped {
            eprintln!("callvault: {reason}");
        }
        let well =
            found.missing == 0 && found.unindexed == 0 && (found.stopped.is_none() || dry_run);
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
