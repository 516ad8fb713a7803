//! `callvault doctor`: everything the vault stands on, one line each.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, open, output};
use crate::config::Config;
use crate::vault::doctor::Finding;

/// Checks settings, clock, index, store and keyring.
#[derive(Args)]
pub(super) struct Doctor {}

impl Doctor {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let finding = |about, ok, detail: String| Finding { about, ok, detail };
        let mut findings = vec![match config.check_provider() {
            Ok(()) => finding("configuration", true, "complete".into()),
            Err(error) => finding("configuration", false, error.to_string()),
        }];
        match open::vault(config).await {
            Ok(vault) => findings.extend(vault.examine().await),
            Err(error) => findings.push(finding("vault", false, format!("{error:#}"))),
        }
        let rows = findings.iter().map(|finding| {
            let mark = if finding.ok { "ok" } else { "WRONG" };
            vec![finding.about.to_owned(), mark.to_owned(), finding.detail.clone()]
        });
        output::print(json, &findings, rows.collect::<Vec<_>>())?;
        let well = findings.iter().all(|finding| finding.ok);
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
