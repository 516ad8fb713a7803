//! `callvault hold`: places, lists, extends and releases holds, as the holder of a token.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::output;
use super::remote::Remote;
use crate::model::HoldKind;

/// Places, lists, extends and releases holds.
#[derive(Subcommand)]
pub(super) enum Hold {
    /// Place a hold: nothing it keeps is erased before it is released.
    Place(Box<Place>),
    /// List holds, the newest first.
    List(List),
    /// Ask for a hold to be released, or agree as a second person.
    Release(One),
    /// Ask for a later review of a hold, or agree as a second person.
    Extend(Extend),
    /// Agree to what somebody else asked for, by its own identifier.
    Approve(One),
    /// Refuse what somebody asked for.
    Refuse(One),
    /// List what waits for a second person.
    Approvals(Approvals),
}

/// A hold to be placed.
#[derive(Args)]
pub(super) struct Place {
    #[command(flatten)]
    remote: Remote,
    /// Why: `legal_claim`, `authority_order` or `customer`.
    #[arg(long)]
    kind: HoldKind,
    /// The opaque reference of the case.
    #[arg(long)]
    case: String,
    /// The day by which somebody looks again, such as 2026-07-01.
    #[arg(long, value_name = "DAY")]
    review_on: String,
    /// A recording to hold; can be given more than once.
    #[arg(long = "recording", value_name = "ID", required_unless_present_any =
        ["number", "agent", "queue", "line", "direction", "from", "to"])]
    recordings: Vec<Uuid>,
    #[command(flatten)]
    filter: Filter,
}

/// What a hold looks for, instead of recordings.
#[derive(Args)]
#[group(conflicts_with = "recordings", multiple = true)]
struct Filter {
    /// A number that called or was called.
    #[arg(long)]
    number: Option<String>,
    /// Who answered.
    #[arg(long)]
    agent: Option<String>,
    /// The queue or group.
    #[arg(long)]
    queue: Option<String>,
    /// The line or user.
    #[arg(long)]
    line: Option<String>,
    /// `inbound`, `outbound` or `internal`.
    #[arg(long)]
    direction: Option<String>,
    /// Calls that began at or after this (RFC 3339).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Calls that began before this (RFC 3339).
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Which holds.
#[derive(Args)]
pub(super) struct List {
    #[command(flatten)]
    remote: Remote,
    /// Only those whose review is overdue.
    #[arg(long)]
    overdue: bool,
}

/// Which one.
#[derive(Args)]
pub(super) struct One {
    /// Its identifier.
    id: Uuid,
    #[command(flatten)]
    remote: Remote,
}

/// Whose approvals.
#[derive(Args)]
pub(super) struct Approvals {
    #[command(flatten)]
    remote: Remote,
}

/// Which one, and until when.
#[derive(Args)]
pub(super) struct Extend {
    /// Its identifier.
    id: Uuid,
    /// The day by which somebody looks again, such as 2026-07-01.
    #[arg(long, value_name = "DAY")]
    review_on: String,
    #[command(flatten)]
    remote: Remote,
}

impl Hold {
    pub(super) async fn run(self, json: bool) -> Result<ExitCode> {
        match self {
            Self::Place(place) => {
                let body = place.body();
                let (_, hold) = place.remote.ask(Method::POST, "/v1/holds", Some(&body)).await?;
                show(json, &hold)?;
                waits(&hold);
            }
            Self::List(list) => {
                let holds = list.all().await?;
                output::print(json, &holds, holds.iter().map(row))?;
            }
            Self::Release(One { id, remote }) => {
                let path = format!("/v1/holds/{id}/release");
                step(json, remote.ask(Method::POST, &path, None).await?)?;
            }
            Self::Extend(Extend { id, review_on, remote }) => {
                let path = format!("/v1/holds/{id}/review");
                let body = json!({ "review_on": review_on });
                step(json, remote.ask(Method::POST, &path, Some(&body)).await?)?;
            }
            Self::Approve(One { id, remote }) => {
                let path = format!("/v1/approvals/{id}/approve");
                remote.ask(Method::POST, &path, None).await?;
                eprintln!("approved and done");
            }
            Self::Refuse(One { id, remote }) => {
                let path = format!("/v1/approvals/{id}/refuse");
                remote.ask(Method::POST, &path, None).await?;
                eprintln!("refused");
            }
            Self::Approvals(Approvals { remote }) => {
                let (_, page) = remote.ask(Method::GET, "/v1/approvals?limit=200", None).await?;
                let all = page["items"].as_array().cloned().unwrap_or_default();
                let rows = all.iter().map(|one| {
                    let field = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
                    vec![field("id"), field("kind"), field("asked_at"), field("expires_at")]
                });
                output::print(json, &all, rows)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Place {
    fn body(&self) -> Value {
        let mut body = json!({
            "kind": self.kind, "case": self.case, "review_on": self.review_on,
        });
        if self.recordings.is_empty() {
            body["filter"] = self.filter.json();
        } else {
            body["recordings"] = json!(self.recordings);
        }
        body
    }
}

impl Filter {
    fn json(&self) -> Value {
        let fields = [
            ("number", &self.number),
            ("agent", &self.agent),
            ("queue", &self.queue),
            ("line", &self.line),
            ("direction", &self.direction),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| {
            value.as_ref().map(|value| (name.to_owned(), Value::from(value.as_str())))
        });
        Value::Object(given.collect::<Map<_, _>>())
    }
}

impl List {
    async fn all(&self) -> Result<Vec<Value>> {
        let only = if self.overdue { "&review=overdue" } else { "" };
        let (mut holds, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/holds?limit=200{only}{after}");
            let (_, mut page) = self.remote.ask(Method::GET, &path, None).await?;
            let Some(items) = page["items"].as_array_mut() else { bail!("this is no callvault") };
            holds.append(items);
            match page["next"].as_str() {
                Some(next) => after = format!("&cursor={next}"),
                None => return Ok(holds),
            }
        }
    }
}

fn step(json: bool, (status, hold): (u16, Value)) -> Result<()> {
    show(json, &hold)?;
    if status == 202 {
        waits(&hold);
    }
    Ok(())
}

/// Says on standard error what a second person has to agree to.
fn waits(hold: &Value) {
    for pending in hold["pending"].as_array().into_iter().flatten() {
        let text = |key: &str| pending[key].as_str().unwrap_or("-").to_owned();
        eprintln!("{} waits for a second person: {}", text("kind"), text("id"));
    }
}

fn show(json: bool, hold: &Value) -> Result<()> {
    output::print(json, hold, [row(hold)])
}

fn row(hold: &Value) -> Vec<String> {
    let text = |key: &str| hold[key].as_str().unwrap_or("-").to_owned();
    let overdue = if hold["overdue"] == true { " (overdue)" } else { "" };
    let state = match hold["released_at"].as_str() {
        Some(at) => format!("released {at}"),
        None => format!("review {}{overdue}", text("review_on")),
    };
    let count = hold["recordings"].as_i64().unwrap_or(0);
    vec![text("id"), text("kind"), text("case"), format!("{count} recordings"), state]
}
