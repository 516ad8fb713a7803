//! `callvault ledger`: the logs that others can check.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::{FAILED, open, output};
use crate::config::Config;
use crate::vault::Standing;

/// Shows and hands out the logs that others can check.
#[derive(Subcommand)]
pub(super) enum Ledger {
    /// Show each log: how far it is signed, and whether it is what was signed.
    Status,
    /// Print the keys that the checkpoints are checked with, one a log.
    Key,
    /// Write the logs as static files: checkpoint, tiles, key and policy, a folder each.
    Export {
        /// Where to.
        dir: PathBuf,
        /// Only this log: `provider`, `top` or an opaque id.
        #[arg(long)]
        log: Option<String>,
    },
    /// Put back entries that a restored index lacks, and do their erasures again.
    Replay,
}

impl Ledger {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        // Opening it compares and replays already.
        let vault = open::vault(config).await?;
        let standing = vault.standing();
        match self {
            Self::Status => {
                vault.project_if_sound().await?;
                let logs = vault.all_logs().await?;
                let rows = logs.iter().map(|log| {
                    let signed = log.signed_at.map_or("not signed".into(), |at| at.to_string());
                    vec![log.log.clone(), log.size.to_string(), signed, log.origin.clone()]
                });
                output::print(json, &logs, rows.collect::<Vec<_>>())?;
            }
            Self::Key => {
                let logs = vault.all_logs().await?;
                let keys: Vec<_> = logs.into_iter().filter_map(|log| log.vkey).collect();
                output::print(json, &keys, keys.iter().map(|key| vec![key.clone()]))?;
            }
            Self::Export { dir, log } => {
                vault.project_if_sound().await?;
                let names = vault.export_logs(&dir, log.as_deref()).await?;
                if names.is_empty() {
                    bail!("there is no such log, or nothing of it is signed yet");
                }
                output::print(json, &names, names.iter().map(|name| vec![name.clone()]))?;
            }
            Self::Replay => {
                let rows = [vec!["the ledger is what was signed".to_owned()]];
                if standing == Standing::Sound {
                    output::print(json, &"sound", rows)?;
                }
            }
        }
        match standing {
            Standing::Sound => Ok(ExitCode::SUCCESS),
            Standing::Quarantined(why) => {
                eprintln!("callvault: quarantine: {why}");
                Ok(FAILED.into())
            }
            Standing::Forked(why) => {
                eprintln!("callvault: forked: {why}");
                Ok(FAILED.into())
            }
        }
    }
}
