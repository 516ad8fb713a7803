//! `callvault customer change` and `extend-floor`: what an operator decides of a customer, as the
//! holder of a token, so that the ledger says who it was.

use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgAction, Args};
use reqwest::Method;
use serde_json::{Value, json};

use super::output;
use super::remote::Remote;
use crate::model::{CustomerRef, Term};

/// What changes of a customer; what is not named stays.
#[derive(Args)]
pub(super) struct Change {
    /// The customer.
    reference: CustomerRef,
    /// Its name.
    #[arg(long)]
    name: Option<String>,
    /// The processing agreement.
    #[arg(long)]
    agreement: Option<String>,
    /// Whether its calls are recorded. It needs an agreement and a term first.
    #[arg(long, action = ArgAction::Set, value_name = "true|false")]
    recording: Option<bool>,
    /// The shortest term the law allows it. It only goes up.
    #[arg(long)]
    floor: Option<Term>,
    /// The longest term it may choose.
    #[arg(long)]
    ceiling: Option<Term>,
    /// The law behind floor and ceiling.
    #[arg(long)]
    legal_basis: Option<String>,
    /// A line that a rule may name before its first call; can be given more than once.
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// A longer floor that an authority asked for.
#[derive(Args)]
pub(super) struct ExtendFloor {
    /// The customer.
    reference: CustomerRef,
    /// The floor from now on, such as P7Y.
    #[arg(long, value_name = "TERM")]
    until: Term,
    /// What the authority calls its request.
    #[arg(long)]
    authority_reference: String,
    #[command(flatten)]
    remote: Remote,
}

impl Change {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let path = format!("/v1/customers/{}", self.reference);
        let (_, customer) = self.remote.ask(Method::PATCH, &path, Some(&self.body())).await?;
        show(json, &customer)
    }

    fn body(&self) -> Value {
        let mut body = json!({});
        let texts = [
            ("name", self.name.clone()),
            ("agreement", self.agreement.clone()),
            ("floor", self.floor.map(|term| term.to_string())),
            ("ceiling", self.ceiling.map(|term| term.to_string())),
            ("legal_basis", self.legal_basis.clone()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body[name] = text.into();
            }
        }
        if let Some(recording) = self.recording {
            body["recording"] = recording.into();
        }
        if !self.lines.is_empty() {
            body["lines"] = json!(self.lines);
        }
        body
    }
}

impl ExtendFloor {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let path = format!("/v1/customers/{}/floor-extension", self.reference);
        let body = json!({
            "until_term": self.until, "authority_reference": self.authority_reference,
        });
        let (_, customer) = self.remote.ask(Method::POST, &path, Some(&body)).await?;
        show(json, &customer)
    }
}

fn show(json: bool, customer: &Value) -> Result<ExitCode> {
    let fields = ["reference", "status", "recording", "term", "floor", "ceiling"];
    let row = fields.map(|field| match &customer[field] {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    });
    output::print(json, customer, [row.to_vec()])?;
    Ok(ExitCode::SUCCESS)
}
