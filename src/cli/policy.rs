//! `callvault policy`: how long a customer keeps its recordings.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{open, output};
use crate::config::Config;
use crate::model::{CustomerRef, PolicyStage};
use crate::vault::{Decider, PolicyVersion, PolicyWish, Preview, Tally, decided_by};

/// Shows and changes how long a customer keeps its recordings.
#[derive(Subcommand)]
pub(super) enum Policy {
    /// Show the policy in force, the change that waits and how far it has come.
    Show {
        /// The customer.
        reference: CustomerRef,
    },
    /// Count what another policy would do, without doing it; prints the token that `set` needs.
    Preview(Wish),
    /// Change the policy. What gets shorter waits for the cooling-off.
    Set {
        #[command(flatten)]
        wish: Wish,
        /// Why.
        #[arg(long)]
        reason: String,
        /// What the preview of this change printed.
        #[arg(long, value_name = "TOKEN")]
        preview_token: String,
    },
    /// Cancel the change that is cooling off.
    Cancel {
        /// The customer.
        reference: CustomerRef,
    },
    /// List every version there was.
    History {
        /// The customer.
        reference: CustomerRef,
    },
}

/// What the policy shall be.
#[derive(Args)]
pub(super) struct Wish {
    /// The customer.
    reference: CustomerRef,
    /// How long recordings are kept that no rule covers (ISO 8601, such as P1Y).
    #[arg(long, value_name = "TERM")]
    default: String,
    /// A rule such as `line:201=P5Y`; line, agent, queue or direction. Can be given more than once.
    #[arg(long = "rule", value_name = "SCOPE=TERM", value_parser = rule)]
    rules: Vec<(String, String)>,
    /// Keep recordings that are there longer, too.
    #[arg(long)]
    apply_to_existing: bool,
}

fn rule(text: &str) -> Result<(String, String), String> {
    let parts = text.rsplit_once('=').ok_or("a rule is SCOPE=TERM, such as line:201=P5Y")?;
    Ok((parts.0.to_owned(), parts.1.to_owned()))
}

impl Wish {
    fn split(self) -> (CustomerRef, PolicyWish) {
        let Self { reference, default, rules, apply_to_existing } = self;
        (reference, PolicyWish { default, rules, apply_to_existing })
    }
}

impl Policy {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let by = Decider::Machine;
        match self {
            Self::Show { reference } => {
                let history = vault.policy_history_by(by, &reference).await?;
                let value = json!({
                    "in_force": history.in_force().map(value),
                    "scheduled": history.scheduled().map(value),
                    "change": history.progress().map(|progress| json!({
                        "version": progress.version, "effective_at": progress.effective_at,
                        "total": progress.total, "done": progress.done,
                    })),
                });
                let shown = history.in_force().into_iter().chain(history.scheduled());
                let mut rows: Vec<_> = shown.flat_map(lines).collect();
                if let Some(progress) = history.progress() {
                    let done = format!("{} of {}", progress.done, progress.total);
                    rows.push(vec![format!("version {}", progress.version), done]);
                }
                output::print(json, &value, rows)?;
            }
            Self::Preview(wish) => {
                let (reference, wish) = wish.split();
                let preview = vault.preview_policy_by(by, &reference, &wish).await?;
                output::print(json, &preview, counts(&preview))?;
            }
            Self::Set { wish, reason, preview_token } => {
                let (reference, wish) = wish.split();
                let set =
                    vault.change_policy_by(by, &reference, &wish, &reason, &preview_token).await?;
                let value = json!({
                    "version": set.version, "effective_at": set.effective_at,
                    "shortens": set.shortens,
                });
                let from = format!("in force from {}", set.effective_at);
                output::print(json, &value, [vec![format!("version {}", set.version), from]])?;
            }
            Self::Cancel { reference } => {
                let version = vault.cancel_policy_by(by, &reference).await?;
                let row = vec![format!("version {version}"), "cancelled".to_owned()];
                output::print(json, &json!({ "version": version }), [row])?;
            }
            Self::History { reference } => {
                let history = vault.policy_history_by(by, &reference).await?;
                let values: Vec<_> = history.versions.iter().map(value).collect();
                output::print(json, &values, history.versions.iter().flat_map(lines))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn value(version: &PolicyVersion) -> serde_json::Value {
    json!({
        "version": version.version, "state": version.stage, "origin": version.origin,
        "default": version.policy.default(), "rules": version.policy.rules(),
        "apply_to_existing": version.apply_to_existing, "by": decided_by(version.made_by),
        "at": version.made_at, "effective_at": version.effective_at,
        "cancelled_at": version.cancelled_at, "reason": version.reason,
        "touched": version.touched, "erased": version.erased,
    })
}

/// A version as lines of a table: the default, then the rules.
fn lines(version: &PolicyVersion) -> Vec<Vec<String>> {
    let state = match version.stage {
        PolicyStage::Scheduled => format!("in force from {}", version.effective_at),
        stage => stage.to_string(),
    };
    let name = format!("version {}", version.version);
    let first = vec![name, "default".to_owned(), version.policy.default().to_string(), state];
    let rules = version.policy.rules().iter();
    let rules =
        rules.map(|rule| vec![String::new(), rule.scope.to_string(), rule.term.to_string()]);
    std::iter::once(first).chain(rules).collect()
}

fn counts(preview: &Preview) -> Vec<Vec<String>> {
    let total = &preview.total;
    let row = |what: &str, tally: &Tally| {
        let oldest = tally.oldest.map(|oldest| format!("oldest {oldest}")).unwrap_or_default();
        vec![what.to_owned(), tally.count.to_string(), format!("{} bytes", tally.bytes), oldest]
    };
    vec![
        row("erased now", &total.erased_now),
        row("erased earlier", &total.erased_earlier),
        row("kept longer", &total.kept_longer),
        row("held", &total.held),
        row("below the floor", &total.floored),
        row("past due", &total.past_due),
        row("unchanged", &total.unchanged),
        vec!["in force from".to_owned(), preview.effective_at.to_string()],
        vec!["preview token".to_owned(), preview.token.clone()],
    ]
}
