//! A vault somewhere else, asked through its API: what takes a person, or two, is done as one.

use anyhow::{Context, Result, bail};
use clap::Args;
use reqwest::{Client, Method};
use serde_json::Value;

/// Which vault, and as whom.
#[derive(Args)]
pub(super) struct Remote {
    /// Where the vault is.
    #[arg(long, env = "CALLVAULT_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Your token.
    #[arg(long, env = "CALLVAULT_TOKEN", hide_env_values = true)]
    token: String,
}

impl Remote {
    /// Asks the vault, and gives the status and the answer; a refusal is an error that says why.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let address = format!("{}{path}", self.url.trim_end_matches('/'));
        let request = Client::new().request(method, address).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.context("the vault cannot be reached")?;
        let status = response.status();
        let body: Value = response.json().await.unwrap_or_default();
        if status.is_success() {
            return Ok((status.as_u16(), body));
        }
        bail!("{status}: {}", body["detail"].as_str().unwrap_or("no explanation"))
    }
}
