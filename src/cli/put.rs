//! `callvault put`: uploads recordings through the API, with a progress bar.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use reqwest::{Body, Client, StatusCode};
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::{FAILED, output};
use crate::model::Timestamp;

/// Uploads recordings through the API.
#[derive(Args)]
pub(super) struct Put {
    /// The recordings.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Where the vault is.
    #[arg(long, env = "CALLVAULT_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// A token that may send recordings.
    #[arg(long, env = "CALLVAULT_TOKEN", hide_env_values = true)]
    token: String,
    /// `support` or `customer`.
    #[arg(long)]
    class: Option<String>,
    /// The customer, by its reference.
    #[arg(long)]
    customer: Option<String>,
    /// `inbound`, `outbound` or `internal`.
    #[arg(long)]
    direction: Option<String>,
    /// When the call began (RFC 3339).
    #[arg(long)]
    started_at: Option<String>,
    /// When the call ended (RFC 3339). Without it and --started-at: when the file was last changed.
    #[arg(long)]
    ended_at: Option<String>,
    /// Who called, in any dialable form.
    #[arg(long)]
    caller: Option<String>,
    /// Who was called.
    #[arg(long)]
    callee: Option<String>,
    /// The caller withheld the number.
    #[arg(long)]
    withheld: bool,
    /// Who answered.
    #[arg(long)]
    agent: Option<String>,
    /// The queue or group.
    #[arg(long)]
    queue: Option<String>,
    /// The line or user.
    #[arg(long)]
    line: Option<String>,
    /// What the PBX calls the call.
    #[arg(long)]
    call_id: Option<String>,
    /// Which leg of the call.
    #[arg(long)]
    leg: Option<String>,
    /// What headerless audio is: sln, sln16, ulaw, alaw, gsm, g722, …
    #[arg(long)]
    format: Option<String>,
}

impl Put {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let client = Client::new();
        let bars = MultiProgress::new();
        let (mut values, mut rows, mut failed) = (Vec::new(), Vec::new(), false);
        for file in &self.files {
            let name = file.display().to_string();
            match self.upload(&client, &bars, file).await {
                Ok(recording) => {
                    let text = |key: &str| recording[key].as_str().unwrap_or("-").to_owned();
                    rows.push(vec![name, text("id"), text("codec"), text("due_at")]);
                    values.push(recording);
                }
                Err(error) => {
                    failed = true;
                    eprintln!("callvault: {name}: {error:#}");
                }
            }
        }
        output::print(json, &values, rows)?;
        Ok(if failed { FAILED.into() } else { ExitCode::SUCCESS })
    }

    async fn upload(&self, client: &Client, bars: &MultiProgress, file: &Path) -> Result<Value> {
        let opened = tokio::fs::File::open(file).await?;
        let facts = opened.metadata().await?;
        let changed = facts.modified().ok().and_then(timestamp);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}")?;
        let bar = bars.add(ProgressBar::new(facts.len()).with_style(style));
        bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let counted = bar.clone();
        let stream = ReaderStream::with_capacity(opened, 256 * 1024)
            .inspect_ok(move |chunk| counted.inc(chunk.len() as u64));
        let response = client
            .put(format!("{}/v1/recordings/upload", self.url.trim_end_matches('/')))
            .query(&self.fields(changed))
            .bearer_auth(&self.token)
            .header(reqwest::header::CONTENT_LENGTH, facts.len())
            .body(Body::wrap_stream(stream))
            .send()
            .await
            .context("the vault cannot be reached")?;
        bar.finish_and_clear();
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        if status == StatusCode::CREATED || status == StatusCode::OK {
            return Ok(body);
        }
        bail!("{status}: {}", body["detail"].as_str().unwrap_or("no explanation"))
    }

    fn fields(&self, changed: Option<Timestamp>) -> Vec<(&'static str, String)> {
        let no_time = self.ended_at.is_none() && self.started_at.is_none();
        let changed = changed.filter(|_| no_time).map(|time| time.to_string());
        let fields = [
            ("class", &self.class),
            ("customer", &self.customer),
            ("direction", &self.direction),
            ("started_at", &self.started_at),
            ("ended_at", if no_time { &changed } else { &self.ended_at }),
            ("caller", &self.caller),
            ("callee", &self.callee),
            ("withheld", &self.withheld.then(|| "true".to_owned())),
            ("agent", &self.agent),
            ("queue", &self.queue),
            ("line", &self.line),
            ("call_id", &self.call_id),
            ("leg", &self.leg),
            ("format", &self.format),
        ];
        fields.iter().filter_map(|(name, value)| Some((*name, (*value).clone()?))).collect()
    }
}

fn timestamp(time: std::time::SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?)
}
