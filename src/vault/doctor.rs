//! The doctor: everything the vault stands on, one finding a line.

use serde::Serialize;

use super::{Location, Vault};
use crate::index::guards;
use crate::model::Timestamp;
use crate::retention::TOLERANCE;
use crate::store::{Posture, Versioning};

/// The countries of the European Economic Area (ISO 3166-1 alpha-2).
const EEA: &[&str] = &[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub about: &'static str,
    /// Whether it is in order.
    pub ok: bool,
    /// What was found, and what to do if it is not in order.
    pub detail: String,
}

impl Finding {
    fn new(about: &'static str, ok: bool, detail: impl Into<String>) -> Self {
        Self { about, ok, detail: detail.into() }
    }
}

/// Whether objects may be kept in this country (GDPR chapter V): start-up is refused if not.
#[must_use]
pub fn location(location: &Location) -> Finding {
    let Location { country, instrument } = location;
    let inside = EEA.contains(&country.to_ascii_uppercase().as_str());
    match instrument {
        _ if inside => Finding::new("location", true, format!("{country}, in the EEA")),
        Some(instrument) if !instrument.trim().is_empty() => Finding::new(
            "location",
            true,
            format!("{country}, outside the EEA, under {instrument}"),
        ),
        _ => Finding::new(
            "location",
            false,
            format!(
                "{country} is outside the EEA: set store.transfer_instrument to what allows it, \
                 or move the store"
            ),
        ),
    }
}

/// Whether the bucket lets an erased object really go.
fn bucket(posture: &Posture) -> Finding {
    let problem = match (posture.versioning, posture.lock) {
        (Versioning::On | Versioning::Suspended, _) => {
            Some("the bucket keeps versions: erased ciphertext stays; switch versioning off")
        }
        (_, Some(true)) => {
            Some("the bucket is locked: objects cannot be erased before the lock ends")
        }
        _ => None,
    };
    match problem {
        Some(problem) => Finding::new("bucket", false, problem),
        None => Finding::new("bucket", true, "keeps no versions and no locks"),
    }
}

fn clock(now: Timestamp, reference: Option<Timestamp>, last_seen: Option<Timestamp>) -> Finding {
    let off = reference.map(|reference| now.since(reference));
    if off.is_some_and(|off| off.abs() > TOLERANCE) {
        let detail = format!("{now} differs from the database server's clock: synchronise them");
        return Finding::new("clock", false, detail);
    }
    if last_seen.is_some_and(|seen| seen.since(now) > TOLERANCE) {
        return Finding::new("clock", false, format!("{now} is behind what it was: check it"));
    }
    Finding::new("clock", true, now.to_string())
}

impl Vault {
    /// Looks at everything.
    pub async fn examine(&self) -> Vec<Finding> {
        let inner = &self.0;
        let mut findings = vec![location(&inner.settings.location)];
        let now = inner.clock.now();
        match guards::guard(&inner.index).await {
            Ok(state) => {
                let reference = self.reference_time().await.ok().flatten();
                findings.push(clock(now, reference, state.last_seen));
                findings.push(match state.paused_reason {
                    Some(reason) => Finding::new("eraser", false, reason),
                    None => Finding::new("eraser", true, "not paused"),
                });
                findings.push(Finding::new("index", true, inner.index.kind().as_str()));
            }
            Err(error) => findings.push(Finding::new("index", false, error.to_string())),
        }
        findings.push(match inner.store.probe().await {
            Ok(()) => Finding::new("store", true, "writes, reads and deletes"),
            Err(error) => Finding::new("store", false, error.to_string()),
        });
        match inner.store.posture().await {
            Ok(posture) => findings.push(bucket(&posture)),
            Err(error) => findings.push(Finding::new("bucket", false, error.to_string())),
        }
        findings.extend(self.examine_keyring().await);
        findings
    }

    async fn examine_keyring(&self) -> Vec<Finding> {
        let status = self.0.keys.status();
        let mut findings = vec![Finding::new(
            "keyring",
            true,
            format!("epoch {}, {} days, {} controllers", status.epoch, status.days, status.tenants),
        )];
        for replica in self.0.keys.check_replicas().await {
            let detail = format!("{}: {}", replica.name, replica.detail);
            findings.push(Finding::new("root", replica.ok, detail));
        }
        let today = self.0.clock.now().day();
        findings.push(match self.last_forgetting().await {
            Ok(Some(last)) if last.0 + 1 < today.0 => {
                Finding::new("forgetting", false, format!("last on {last}: run callvault forget"))
            }
            Ok(Some(last)) => Finding::new("forgetting", true, format!("last on {last}")),
            Ok(None) => Finding::new("forgetting", true, "never yet"),
            Err(error) => Finding::new("forgetting", false, error.to_string()),
        });
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_outside_the_eea_needs_an_instrument() {
        let at = |country: &str, instrument: Option<&str>| {
            location(&Location {
                country: country.into(),
                instrument: instrument.map(str::to_owned),
            })
            .ok
        };
        assert!(at("NL", None) && at("is", None) && at("US", Some("SCC 2026/3")));
        assert!(!at("US", None) && !at("GB", Some(" ")));
    }
}
