//! `callvault migrate`: brings the index up to date.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::open;
use crate::config::Config;
use crate::index::{Db, Pool};

/// Brings the index up to date.
#[derive(Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, config: &Config) -> Result<ExitCode> {
        open::data_dir(config)?;
        let index =
            Db::connect(&config.index_url(), &Pool::default()).await.context("the index")?;
        index.migrate().await.context("bringing the index up to date")?;
        eprintln!("the index is up to date");
        Ok(ExitCode::SUCCESS)
    }
}
