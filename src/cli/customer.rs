//! `callvault customer`: adds and lists customers, and lets them leave.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::change::{Change, ExtendFloor};
use super::export::Export;
use super::leaving::End;
use super::{open, output};
use crate::config::Config;
use crate::model::{CustomerRef, Term};
use crate::vault::NewCustomer;

/// Adds and lists customers; lets them leave.
#[derive(Subcommand)]
pub(super) enum Customer {
    /// Add a customer.
    Add(Add),
    /// Change a customer, through the API.
    Change(Box<Change>),
    /// Extend the floor for an authority, through the API.
    ExtendFloor(ExtendFloor),
    /// List customers.
    List,
    /// Let a customer leave, or show how its leaving stands.
    End(End),
    /// Download everything of a customer through the API, and go on where it broke off.
    Export(Export),
}

/// A customer to be added.
#[derive(Args)]
pub(super) struct Add {
    /// What you call it.
    reference: CustomerRef,
    /// Its name.
    #[arg(long)]
    name: String,
    /// The processing agreement.
    #[arg(long)]
    agreement: String,
    /// The retention term it chose (ISO 8601). Without one nothing is recorded.
    #[arg(long)]
    term: Option<Term>,
    /// The shortest term the law allows it.
    #[arg(long, requires = "legal_basis")]
    floor: Option<Term>,
    /// The longest term it may choose (P10Y unless said).
    #[arg(long)]
    ceiling: Option<Term>,
    /// The law behind floor and ceiling.
    #[arg(long)]
    legal_basis: Option<String>,
}

impl Customer {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = match self {
            Self::End(end) => return end.run(config, json).await,
            // It goes through the API, from anywhere.
            Self::Export(export) => return export.run(json).await,
            Self::Change(change) => return change.run(json).await,
            Self::ExtendFloor(extend) => return extend.run(json).await,
            Self::Add(_) | Self::List => open::vault(config).await?,
        };
        match self {
            Self::End(_) | Self::Export(_) | Self::Change(_) | Self::ExtendFloor(_) => {}
            Self::Add(add) => {
                let new = NewCustomer {
                    reference: add.reference,
                    name: add.name,
                    agreement: Some(add.agreement),
                    term: add.term,
                    floor: add.floor,
                    ceiling: add.ceiling,
                    legal_basis: add.legal_basis,
                };
                let customer = vault.add_customer(new).await?;
                let value = json!({
                    "reference": customer.reference, "id": customer.id,
                    "recording": customer.recording, "term": customer.term,
                });
                let recording = if customer.recording { "on" } else { "off: it chose no term yet" };
                let row = vec![customer.reference.to_string(), format!("recording {recording}")];
                output::print(json, &value, [row])?;
            }
            Self::List => {
                let customers = vault.all_customers().await?;
                let value: Vec<_> = customers
                    .iter()
                    .map(|customer| {
                        json!({
                            "reference": customer.reference, "name": customer.name,
                            "recording": customer.recording, "term": customer.term,
                        })
                    })
                    .collect();
                let rows = customers.iter().map(|customer| {
                    let term = customer.term.map_or("no term".to_owned(), |term| term.to_string());
                    vec![customer.reference.to_string(), customer.name.clone(), term]
                });
                output::print(json, &value, rows)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
