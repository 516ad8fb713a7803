//! `callvault token`: makes, lists and revokes tokens.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{open, output};
use crate::config::Config;
use crate::model::{Class, CustomerRef, PrincipalId, Role, Timestamp};
use crate::vault::NewToken;

/// Makes, lists and revokes tokens.
#[derive(Subcommand)]
pub(super) enum Token {
    /// Make a token and print it, once.
    Create(Create),
    /// List tokens, without their secrets.
    List,
    /// Revoke a token, at once.
    Revoke {
        /// Its identifier.
        id: PrincipalId,
    },
}

/// A token to be made.
#[derive(Args)]
pub(super) struct Create {
    /// What its holder is; can be given more than once.
    #[arg(long = "role", required = true)]
    roles: Vec<Role>,
    /// The customer it belongs to.
    #[arg(long, value_name = "REF")]
    customer: Option<CustomerRef>,
    /// The only class it may send.
    #[arg(long)]
    class: Option<Class>,
    /// A line it is kept to; can be given more than once.
    #[arg(long = "line")]
    lines: Vec<String>,
    /// The name under which its holder takes calls, as recordings have it.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Keep it to the calls that this agent had.
    #[arg(long, requires = "agent")]
    own_calls_only: bool,
    /// Who or what it is for; for ingest it is the name of the source.
    #[arg(long)]
    name: String,
    /// When it ends (RFC 3339).
    #[arg(long, value_name = "TIME")]
    expires: Option<Timestamp>,
}

impl Token {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        match self {
            Self::Create(create) => {
                let lines: BTreeSet<_> = create.lines.into_iter().collect();
                let new = NewToken {
                    name: create.name,
                    roles: create.roles.into_iter().collect(),
                    customer: create.customer,
                    class: create.class,
                    lines: (!lines.is_empty()).then_some(lines),
                    agent: create.agent,
                    own_calls_only: create.own_calls_only,
                    expires_at: create.expires,
                };
                let (id, secret) = vault.create_token(&new).await?;
                if json {
                    println!("{}", json!({ "id": id, "token": secret.reveal() }));
                } else {
                    eprintln!("token {id}; it is shown only this once:");
                    println!("{}", secret.reveal());
                }
            }
            Self::List => {
                let tokens = vault.tokens().await?;
                let rows: Vec<_> = tokens
                    .iter()
                    .map(|token| {
                        let roles: Vec<_> = token.roles.iter().map(|role| role.as_str()).collect();
                        let state = match (token.revoked_at, token.expires_at) {
                            (Some(at), _) => format!("revoked {at}"),
                            (None, Some(at)) => format!("until {at}"),
                            (None, None) => "valid".to_owned(),
                        };
                        vec![token.id.to_string(), roles.join(","), token.name.clone(), state]
                    })
                    .collect();
                let value: Vec<_> = rows
                    .iter()
                    .map(|row| json!({ "id": row[0], "roles": row[1], "name": row[2], "state": row[3] }))
                    .collect();
                output::print(json, &value, rows)?;
            }
            Self::Revoke { id } => {
                vault.revoke_token(id).await.context("revoking")?;
                eprintln!("revoked");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
