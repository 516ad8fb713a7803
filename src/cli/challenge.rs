//! `callvault challenge`: asks a vault for proof that recordings are there.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::output;
use super::remote::Remote;

/// Asks a vault for proof that recordings are there, without hearing any.
///
/// The answer goes into a file; `callvault verify --challenge` checks it offline.
#[derive(Args)]
pub(super) struct Challenge {
    #[command(flatten)]
    vault: Remote,
    /// The log: `provider`, or the opaque id that `GET /v1/ledger` names.
    #[arg(long, default_value = "provider")]
    log: String,
    /// How many samples, at most 300.
    #[arg(long, default_value_t = 300)]
    samples: u16,
    /// 16 to 128 letters, digits, - and _; a random one unless given.
    #[arg(long)]
    nonce: Option<String>,
    /// Where the answer goes.
    #[arg(long, value_name = "FILE", default_value = "challenge.json")]
    output: PathBuf,
}

impl Challenge {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let nonce = self.nonce.unwrap_or_else(|| Uuid::new_v4().simple().to_string());
        let body = json!({ "nonce": nonce, "samples": self.samples });
        let path = format!("/v1/ledger/{}/challenge", self.log);
        let (_, answer) = self.vault.ask(Method::POST, &path, Some(&body)).await?;
        let name = || self.output.display().to_string();
        std::fs::write(&self.output, answer.to_string()).with_context(name)?;
        let samples = answer["samples"].as_array().map_or(0, Vec::len);
        let text = |field: &str| match &answer[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let told = json!({
            "file": name(), "nonce": nonce, "samples": samples, "live": answer["live"],
            "without_root": answer["without_root"],
        });
        let rows = [
            vec!["log".to_owned(), text("log")],
            vec!["nonce".into(), nonce],
            vec!["samples".into(), samples.to_string()],
            vec!["of recordings".into(), text("live")],
            vec!["without a root".into(), text("without_root")],
            vec!["written to".into(), name()],
        ];
        output::print(json, &told, rows)?;
        Ok(ExitCode::SUCCESS)
    }
}
