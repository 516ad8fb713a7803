//! `callvault erase`: one pass of the eraser.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{FAILED, open, output};
use crate::config::Config;

/// Runs one pass of the eraser and prints what it did.
#[derive(Args)]
pub(super) struct Erase {
    /// Only count what is due.
    #[arg(long)]
    dry_run: bool,
    /// Let erasing go on that was paused, after you checked the clock.
    #[arg(long)]
    confirm: bool,
}

impl Erase {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        if self.dry_run {
            let due = vault.count_due().await?;
            let row = vec!["due now".to_owned(), due.to_string()];
            output::print(json, &json!({ "due": due }), [row])?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.confirm {
            vault.confirm_erasing().await?;
        }
        let pass = vault.erase_due().await?;
        vault.project().await?;
        let rows = [
            ("erased", pass.erased),
            ("unfinished", pass.unfinished),
            ("looked for again, absent", pass.looked_again),
            ("there again", pass.reappeared),
            ("metadata erased", pass.buried),
        ];
        let rows = rows.map(|(what, count)| vec![what.to_owned(), count.to_string()]);
        output::print(json, &pass, rows)?;
        if let Some(reason) = &pass.paused {
            eprintln!("callvault: paused: {reason}");
        }
        let well = pass.paused.is_none() && pass.unfinished == 0 && pass.reappeared == 0;
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
