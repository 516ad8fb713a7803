//! `callvault webhook`: endpoints that events go out to.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{open, output};
use crate::config::Config;
use crate::model::{CustomerRef, WebhookEvent, WebhookId};
use crate::vault::NewWebhook;

/// Looks after the endpoints that events go out to.
#[derive(Subcommand)]
pub(super) enum Webhook {
    /// Add an endpoint and print its secret, once.
    Add {
        /// Where it is: https://…, at a public address.
        url: String,
        /// An event it wants to hear of; can be given more than once. All of them unless said.
        #[arg(long = "event")]
        events: Vec<WebhookEvent>,
        #[command(flatten)]
        of: Of,
    },
    /// List endpoints, without their secrets.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Remove an endpoint, with what was on its way to it.
    Remove {
        /// Its identifier.
        id: WebhookId,
        #[command(flatten)]
        of: Of,
    },
    /// List what was given up, after twenty attempts or three days.
    Dead {
        /// The endpoint.
        id: WebhookId,
        #[command(flatten)]
        of: Of,
    },
    /// Try again what was given up.
    Retry {
        /// The endpoint.
        id: WebhookId,
        #[command(flatten)]
        of: Of,
    },
}

/// Whose endpoints.
#[derive(Args)]
pub(super) struct Of {
    /// The customer whose endpoint it is; the provider's unless said.
    #[arg(long, value_name = "REF")]
    customer: Option<CustomerRef>,
}

impl Webhook {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let whose = async |of: &Of| {
            vault.webhooks_of(of.customer.as_ref()).await.context("there is no such customer")
        };
        match self {
            Self::Add { url, events, of } => {
                let new = NewWebhook { url, events: events.into_iter().collect() };
                let (webhook, secret) = vault.add_webhook(whose(&of).await?, &new).await?;
                if json {
                    println!("{}", json!({ "id": webhook.id, "secret": secret.as_str() }));
                } else {
                    eprintln!("endpoint {}; its secret is shown only this once:", webhook.id);
                    println!("{}", secret.as_str());
                }
            }
            Self::List { of } => {
                let webhooks = vault.list_webhooks(whose(&of).await?).await?;
                let rows = webhooks.iter().map(|webhook| {
                    let events: Vec<_> = webhook.events.iter().map(|one| one.as_str()).collect();
                    let backlog = format!("{} pending, {} dead", webhook.pending, webhook.dead);
                    vec![webhook.id.to_string(), webhook.url.clone(), backlog, events.join(",")]
                });
                output::print(json, &webhooks, rows)?;
            }
            Self::Remove { id, of } => {
                vault.remove_webhook(whose(&of).await?, id).await?;
                eprintln!("removed");
            }
            Self::Dead { id, of } => {
                let dead = vault.dead_deliveries(whose(&of).await?, id).await?;
                let rows = dead.iter().map(|one| {
                    let error = one.error.clone().unwrap_or_default();
                    let since = one.since.to_string();
                    vec![one.id.clone(), one.event.to_string(), since, error]
                });
                output::print(json, &dead, rows)?;
            }
            Self::Retry { id, of } => {
                let retried = vault.retry_deliveries(whose(&of).await?, id).await?;
                let row = vec!["retried".to_owned(), retried.to_string()];
                output::print(json, &json!({ "retried": retried }), [row])?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
