//! `callvault customer end`: a customer leaves.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{FAILED, open, output};
use crate::config::Config;
use crate::model::{CustomerRef, Term};
use crate::vault::{EndOfService, Notice, Vault};

/// A customer that leaves. Without an option: shows how that stands.
#[derive(Args)]
pub(super) struct End {
    /// The customer.
    reference: CustomerRef,
    /// Give notice, with its opaque reference: nothing comes in any more.
    #[arg(long, value_name = "CASE", requires = "window", conflicts_with_all = ["withdraw", "confirm"])]
    notice: Option<String>,
    /// How long the customer can fetch what is its own (ISO 8601).
    #[arg(long, value_name = "TERM", requires = "notice")]
    window: Option<Term>,
    /// Withdraw the notice: the customer stays.
    #[arg(long, conflicts_with = "confirm")]
    withdraw: bool,
    /// The customer confirmed to have everything, with the reference of that: do not wait for the
    /// end of the window.
    #[arg(long, value_name = "CASE")]
    confirm: Option<String>,
    /// Then erase at once what is to be erased, instead of leaving that to a server.
    #[arg(long)]
    now: bool,
}

impl End {
    pub(super) async fn run(self, config: &Config, json: bool) -> Result<ExitCode> {
        let vault = open::vault(config).await?;
        let of = &self.reference;
        if let (Some(case), Some(return_window)) = (self.notice, self.window) {
            vault.notice(None, of, &Notice { return_window, case }).await?;
        }
        if self.withdraw {
            vault.withdraw(None, of).await?;
            eprintln!("the customer stays");
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(case) = &self.confirm {
            vault.returned(None, of, case).await?;
        }
        let mut well = true;
        if self.now {
            well = pass(&vault).await?;
        }
        let state = vault.end_of_service_for(of).await?;
        output::print(json, &state, rows(&state))?;
        Ok(if well { ExitCode::SUCCESS } else { FAILED.into() })
    }
}

async fn pass(vault: &Vault) -> Result<bool> {
    let pass = vault.end_services().await?;
    if let Some(reason) = &pass.paused {
        eprintln!("callvault: paused: {reason}");
    }
    Ok(pass.paused.is_none() && pass.unfinished == 0)
}

fn rows(state: &EndOfService) -> Vec<Vec<String>> {
    let phase = serde_json::to_value(state.phase).ok();
    let phase = phase.as_ref().and_then(|phase| phase.as_str()).unwrap_or_default().to_owned();
    let left = &state.remaining;
    let (all, held, restricted) = (left.recordings, left.held, left.restricted);
    let remaining = if restricted == 0 {
        format!("{all}, {held} of them held")
    } else {
        format!("{all}, {held} of them held, {restricted} restricted")
    };
    let ended = state.ended_at.map_or("no".to_owned(), |at| at.to_string());
    let rows = [
        ("phase", phase),
        ("notice", format!("{} at {}", state.case, state.noticed_at)),
        ("window ends", state.window_ends_at.to_string()),
        ("recordings at notice", state.recordings.to_string()),
        ("erased since", state.erased.recordings.to_string()),
        ("remaining", remaining),
        ("ended", ended),
    ];
    let kept = left.kept_by.iter().map(|keeper| {
        let kept = format!(
            "{} by {} {} {}, review by {}",
            keeper.recordings, keeper.by, keeper.why, keeper.case, keeper.review_on
        );
        ("kept", kept)
    });
    let rows = rows.into_iter().chain(kept);
    rows.map(|(name, value)| vec![name.to_owned(), value]).collect()
}
