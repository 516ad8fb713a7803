//! `callvault keyring`: makes and looks after the keyring.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde_json::json;

use super::{FAILED, open, output};
use crate::config::Config;
use crate::crypto::{self, Files, Keys};

/// Makes and looks after the keyring.
#[derive(Subcommand)]
pub(super) enum Keyring {
    /// Make a keyring and its root key. Refuses when there is one.
    Init {
        /// Do nothing, successfully, when there is one.
        #[arg(long)]
        if_absent: bool,
    },
    /// Show what it holds: counts and dates, never keys.
    Status,
    /// Copy the root key to one more live disk. `keyring.root_paths` must name it already.
    AddReplica {
        /// Where the copy goes.
        path: PathBuf,
    },
}

impl Keyring {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        match self {
            Self::Init { if_absent } => init(config, if_absent).await,
            Self::Status => status(config, json).await,
            Self::AddReplica { path } => {
                if config.keyring_database().is_some() {
                    bail!("a keyring in a database is replicated by the database");
                }
                let (folder, roots) = config.keyring_files();
                // A root that no setting names is a root that no forgetting destroys.
                let whole = std::path::absolute(&path)?;
                if !roots.iter().flat_map(std::path::absolute).any(|root| root == whole) {
                    bail!(
                        "{} is not in keyring.root_paths, so that no forgetting would ever destroy \
                         the root there: add it to the settings of every process first, then run \
                         this, then restart them",
                        path.display()
                    );
                }
                Files::new(folder, roots).add_replica(path.clone()).await.context("the keyring")?;
                eprintln!("copied; restart every process that does not know the path yet");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn init(config: &Config, if_absent: bool) -> Result<ExitCode> {
    match Keys::init(open::place(config).await?).await {
        Ok(_) => eprintln!(
            "made. Replicate the root key on 2 or 3 live disks (callvault keyring add-replica); \
             never archive it: an archived root is a deletion that never happened"
        ),
        Err(crypto::Error::KeyringExists) if if_absent => {}
        Err(error) => return Err(error).context("the keyring"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(config: &Config, json: bool) -> Result<ExitCode> {
    let keys = open::keys(config).await?;
    let status = keys.status();
    let replicas = keys.check_replicas().await;
    let value = json!({
        "epoch": status.epoch, "seq": status.seq, "days": status.days, "controllers": status.tenants,
        "replicas": replicas.iter().map(|r| json!({ "name": r.name, "ok": r.ok, "detail": r.detail })).collect::<Vec<_>>(),
    });
    let mut rows = vec![
        vec!["epoch".to_owned(), status.epoch.to_string()],
        vec!["days".to_owned(), status.days.to_string()],
        vec!["controllers".to_owned(), status.tenants.to_string()],
    ];
    rows.extend(replicas.iter().map(|replica| {
        let state = if replica.ok { "ok" } else { "BAD" };
        vec![replica.name.clone(), format!("{state}: {}", replica.detail)]
    }));
    output::print(json, &value, rows)?;
    let well = replicas.iter().all(|replica| replica.ok);
    Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
}
