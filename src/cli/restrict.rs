//! `callvault restrict`, `restrictions`, `lift`, `object` and `erase-early`: the use of one recording, as the holder of a token.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::output;
use super::remote::Remote;
use crate::model::{Cause, Ground, Outcome};

/// Restricts the use of a recording: it is kept, and nobody hears it.
#[derive(Args)]
pub(super) struct Restrict {
    /// The recording.
    id: Uuid,
    /// The opaque reference of the case.
    #[arg(long)]
    case: String,
    /// Why: `accuracy` (unless said), `unlawful`, `claim` or `objection_pending`.
    #[arg(long)]
    ground: Option<Ground>,
    /// The day by which somebody looks again, at most 30 days ahead.
    #[arg(long, value_name = "DAY")]
    review_on: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Lifts the restriction of a case.
#[derive(Args)]
pub(super) struct Lift {
    /// The recording.
    id: Uuid,
    /// The opaque reference of the case.
    #[arg(long)]
    case: String,
    /// What became of the request: `granted`, `refused` or `withdrawn`.
    #[arg(long)]
    outcome: Outcome,
    /// The day on which the person was told; required when it was refused.
    #[arg(long, value_name = "DAY")]
    informed_on: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Notes an objection, or decides it.
#[derive(Args)]
pub(super) struct Object {
    /// The recording.
    id: Uuid,
    /// The opaque reference of the case.
    #[arg(long)]
    case: String,
    /// Decide it: `granted` (erases the recording), `refused` or `withdrawn`.
    #[arg(long)]
    decision: Option<Outcome>,
    /// The day on which the person was told; required when it was refused.
    #[arg(long, value_name = "DAY", requires = "decision")]
    informed_on: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Lists what is open: restrictions and objections.
#[derive(Args)]
pub(super) struct Restrictions {
    #[command(flatten)]
    remote: Remote,
}

/// Erases a recording before its term ends.
#[derive(Args)]
pub(super) struct EraseEarly {
    /// The recording.
    id: Uuid,
    /// Why: `request`, `objection`, `consent_withdrawn` or `pci`.
    #[arg(long)]
    cause: Cause,
    /// The opaque reference of the case.
    #[arg(long)]
    case: String,
    #[command(flatten)]
    remote: Remote,
}

impl EraseEarly {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let body = json!({ "cause": self.cause, "case": self.case });
        let path = format!("/v1/recordings/{}/erasure", self.id);
        self.remote.ask(Method::POST, &path, Some(&body)).await?;
        done(json, self.id, "erased")
    }
}

impl Restrictions {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let mut items: Vec<Value> = Vec::new();
        let mut path = "/v1/restrictions?limit=200".to_owned();
        loop {
            let (_, mut page) = self.remote.ask(Method::GET, &path, None).await?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/v1/restrictions?limit=200&cursor={next}");
        }
        let text = |item: &Value, field: &str| item[field].as_str().unwrap_or("").to_owned();
        let columns = ["recording", "kind", "ground", "case", "since", "review_on"];
        let rows = items.iter().map(|item| columns.map(|field| text(item, field)).to_vec());
        output::print(json, &items, rows.collect::<Vec<_>>())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Restrict {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let mut body = json!({ "case": self.case });
        if let Some(ground) = self.ground {
            body["ground"] = ground.as_str().into();
        }
        if let Some(day) = &self.review_on {
            body["review_on"] = day.as_str().into();
        }
        let path = format!("/v1/recordings/{}/restriction", self.id);
        self.remote.ask(Method::POST, &path, Some(&body)).await?;
        done(json, self.id, "restricted")
    }
}

impl Lift {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let mut body = json!({ "case": self.case, "outcome": self.outcome });
        informed(&mut body, self.informed_on.as_deref());
        let path = format!("/v1/recordings/{}/restriction", self.id);
        self.remote.ask(Method::DELETE, &path, Some(&body)).await?;
        done(json, self.id, "lifted")
    }
}

impl Object {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        let path = format!("/v1/recordings/{}/objection", self.id);
        let mut body = json!({ "case": self.case });
        let Some(decision) = self.decision else {
            self.remote.ask(Method::POST, &path, Some(&body)).await?;
            return done(json, self.id, "objected");
        };
        body["decision"] = decision.as_str().into();
        informed(&mut body, self.informed_on.as_deref());
        let (status, _) = self.remote.ask(Method::DELETE, &path, Some(&body)).await?;
        done(json, self.id, if status == 200 { "erased" } else { "decided" })
    }
}

fn informed(body: &mut Value, day: Option<&str>) {
    if let Some(day) = day {
        body["informed_on"] = day.into();
    }
}

fn done(json: bool, id: Uuid, what: &str) -> Result<ExitCode> {
    let row = vec![id.to_string(), what.to_owned()];
    output::print(json, &json!({ "id": id, "state": what }), [row])?;
    Ok(ExitCode::SUCCESS)
}
