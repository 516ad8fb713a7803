//! `callvault scrub`: reads and opens objects, to know of loss and damage.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, open, output};
use crate::config::Config;

/// Reads and opens the objects that have not been read for `store.scrub_every`.
#[derive(Args)]
pub(super) struct Scrub {
    /// Every object, whenever it was last read.
    #[arg(long)]
    all: bool,
}

impl Scrub {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let pass = vault.scrub(self.all).await?;
        let rows = [
            ("objects", pass.objects),
            ("bytes", pass.bytes),
            ("missing", pass.missing),
            ("damaged", pass.damaged),
            ("skipped", pass.skipped),
        ];
        let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
        output::print(json, &pass, rows)?;
        if let Some(reason) = &pass.stopped {
            eprintln!("callvault: {reason}");
        }
        let well = pass.missing + pass.damaged == 0 && pass.stopped.is_none();
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
