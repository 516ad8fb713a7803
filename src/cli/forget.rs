//! `callvault forget`: one nightly forgetting.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, open, output};
use crate::config::Config;

/// Forgets the keys of the days that have passed. There is no way back.
#[derive(Args)]
pub(super) struct Forget {}

impl Forget {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let done = vault.forget().await?;
        vault.project().await?;
        let mut rows = vec![vec!["epoch".to_owned(), done.epoch.to_string()]];
        rows.extend(done.days.iter().map(|day| vec!["forgot".to_owned(), day.clone()]));
        rows.extend(done.replicas.iter().map(|(name, ok)| {
            let state = if *ok { "old root destroyed" } else { "OLD ROOT NOT DESTROYED" };
            vec![name.clone(), state.to_owned()]
        }));
        output::print(json, &done, rows)?;
        let clean = done.replicas.iter().all(|(_, ok)| *ok);
        Ok(if clean { ExitCode::SUCCESS } else { FAILED.into() })
    }
}
