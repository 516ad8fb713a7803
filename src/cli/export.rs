//! `callvault customer export`: downloads everything of a customer through the API, and goes on
//! where it broke off.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::header::{ETAG, IF_RANGE, RANGE};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;

use super::output;
use crate::model::CustomerRef;

/// How often a broken connection is taken up again without a byte having come.
const PATIENCE: u32 = 5;

/// Downloads everything of a customer, as a ZIP archive.
#[derive(Args)]
pub(super) struct Export {
    /// The customer.
    reference: CustomerRef,
    /// Where the archive goes. A part that is there already, of the same export, is kept.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The opaque reference of the case it serves; makes a new export.
    #[arg(long, required_unless_present = "id")]
    case: Option<String>,
    /// The export to go on with.
    #[arg(long, conflicts_with = "case")]
    id: Option<uuid::Uuid>,
    /// Where the vault is.
    #[arg(long, env = "CALLVAULT_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token of an administrator of the customer.
    #[arg(long, env = "CALLVAULT_TOKEN", hide_env_values = true)]
    token: String,
}

impl Export {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let client = Client::new();
        let export = self.export(&client).await?;
        let id = export["id"].as_str().context("the vault gave no export")?;
        let bytes = export["bytes"].as_u64().unwrap_or(0);
        if self.id.is_none() {
            eprintln!("export {id}: go on with --id {id} when it breaks off");
            if tokio::fs::try_exists(&self.out).await? {
                bail!("{} is there already", self.out.display());
            }
        }
        let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}")?;
        let bar = ProgressBar::new(bytes).with_style(style);
        let (mut had, mut failures) = (size(&self.out).await?, 0);
        while had < bytes {
            bar.set_position(had);
            let got = self.download(&client, id, had, &bar).await;
            let has = size(&self.out).await?;
            failures = if has > had { 0 } else { failures + 1 };
            had = has;
            match got {
                Ok(()) => {}
                Err(error) if failures >= PATIENCE || error.is::<Refused>() => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_secs(1 << failures.min(5))).await,
            }
        }
        bar.finish_and_clear();
        let value = json!({ "id": id, "file": self.out, "bytes": had, "contained": export["contained"],
            "recordings": export["recordings"] });
        let contained = format!("{} of {}", export["contained"], export["recordings"]);
        let row = vec![self.out.display().to_string(), format!("{had} bytes"), contained];
        output::print(json, &value, [row])?;
        Ok(ExitCode::SUCCESS)
    }

    fn place(&self, more: &str) -> String {
        let url = self.url.trim_end_matches('/');
        format!("{url}/v1/customers/{}/export{more}", self.reference)
    }

    /// Makes an export, or finds the one to go on with.
    async fn export(&self, client: &Client) -> Result<Value> {
        let request = match self.id {
            Some(id) => client.get(self.place(&format!("/{id}"))),
            None => client.post(self.place("")).json(&json!({ "case": self.case })),
        };
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.context("the vault cannot be reached")?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        if !status.is_success() {
            bail!("{status}: {}", body["detail"].as_str().unwrap_or("no explanation"));
        }
        Ok(body)
    }

    /// Downloads from `had` on, until it breaks off or is done.
    async fn download(&self, client: &Client, id: &str, had: u64, bar: &ProgressBar) -> Result<()> {
        let mut request = client.get(self.place(&format!("/{id}/zip"))).bearer_auth(&self.token);
        if had > 0 {
            let tag = format!("\"{}\"", id.replace('-', ""));
            request = request.header(RANGE, format!("bytes={had}-")).header(IF_RANGE, tag);
        }
        let mut answer = request.send().await?;
        let status = answer.status();
        let whole = status == StatusCode::OK && had == 0;
        if !whole && status != StatusCode::PARTIAL_CONTENT {
            let body: Value = answer.json().await.unwrap_or_default();
            let detail = body["detail"].as_str().unwrap_or("no explanation");
            let error = Refused(format!("{status}: {detail}"));
            if status.is_server_error() {
                bail!("{error}");
            }
            return Err(error.into());
        }
        debug_assert!(answer.headers().contains_key(ETAG));
        let mut file = OpenOptions::new().create(true).append(true).open(&self.out).await?;
        while let Some(piece) = answer.chunk().await? {
            file.write_all(&piece).await?;
            bar.inc(piece.len() as u64);
        }
        file.sync_all().await?;
        Ok(())
    }
}

async fn size(file: &Path) -> Result<u64> {
    match tokio::fs::metadata(file).await {
        Ok(facts) => Ok(facts.len()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// An answer that trying again does not change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);
