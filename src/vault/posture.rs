//! The daily look at the store: does it still let go of what is erased, and keep what is not?

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::index::{facts, ledger_entries};
use crate::model::Event;
use crate::store;

/// The fact under which the index remembers the last look.
const LAST: &str = "posture";

/// What the store does, and what of it stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Posture {
    /// `off`, `on`, `suspended` or `unsupported`.
    pub versioning: &'static str,
    /// Whether it locks objects.
    pub lock: Option<bool>,
    /// Whether it drops unfinished uploads.
    pub drops_unfinished: Option<bool>,
    /// Whether it expires objects by itself.
    pub expires: Option<bool>,
    /// Whether it copies objects elsewhere.
    pub replicated: Option<bool>,
    /// What stands in the way of erasing, or of keeping.
    pub drift: Vec<&'static str>,
}

impl From<&store::Posture> for Posture {
    fn from(found: &store::Posture) -> Self {
        let wrong = [
            ("versions", found.versioning.keeps()),
            ("lock", found.lock == Some(true)),
            ("expires", found.expires == Some(true)),
            ("replicated", found.replicated == Some(true)),
        ];
        Self {
            versioning: match found.versioning {
                store::Versioning::Off => "off",
                store::Versioning::On => "on",
                store::Versioning::Suspended => "suspended",
                store::Versioning::Unsupported => "unsupported",
            },
            lock: found.lock,
            drops_unfinished: found.drops_unfinished,
            expires: found.expires,
            replicated: found.replicated,
            drift: wrong.iter().filter(|(_, wrong)| *wrong).map(|(what, _)| *what).collect(),
        }
    }
}

impl Vault {
    /// Looks at the store once a day, whichever node comes first, and writes down what it does.
    /// `None` when somebody looked today.
    pub async fn check_posture(&self) -> Result<Option<Posture>, Error> {
        let now = self.0.clock.now();
        let today = now.day().to_string();
        if facts::find(&self.0.index, LAST).await?.as_deref() == Some(today.as_str()) {
            return Ok(None);
        }
        let posture = Posture::from(&self.0.store.posture().await?);
        let body = json!({
            "versioning": posture.versioning, "lock": posture.lock, "expires": posture.expires,
            "drops_unfinished": posture.drops_unfinished, "replicated": posture.replicated,
            "drift": posture.drift, "loc": self.0.settings.location.country,
        });
        let entry = ledger::general(self.0.provider, now, Event::PostureChecked, &body);
        let mut tx = self.addition().await?;
        // The entry comes first: another node that looks at the same moment waits for this one.
        ledger_entries::append(&mut tx, &[entry]).await?;
        if facts::find(&mut tx, LAST).await?.as_deref() == Some(today.as_str()) {
            tx.rollback().await?;
            return Ok(None);
        }
        facts::set(&mut tx, LAST, &today).await?;
        tx.commit().await?;
        for what in ["versions", "lock", "expires", "replicated"] {
            let drifts = f64::from(u8::from(posture.drift.contains(&what)));
            metrics::gauge!("callvault_posture_drift", "what" => what).set(drifts);
        }
        if !posture.drift.is_empty() {
            tracing::warn!(drift = ?posture.drift, "the store does not do what the vault relies on");
        }
        Ok(Some(posture))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_the_way_is_drift() {
        let sound = store::Posture {
            versioning: store::Versioning::Off,
            lock: Some(false),
            location: None,
            drops_unfinished: None,
            expires: None,
            replicated: Some(false),
        };
        assert_eq!(Posture::from(&sound).drift, [""; 0]);
        let drift = |change: fn(&mut store::Posture)| {
            let mut posture = sound.clone();
            change(&mut posture);
            Posture::from(&posture).drift
        };
        assert_eq!(drift(|p| p.versioning = store::Versioning::Suspended), ["versions"]);
        assert_eq!(drift(|p| p.lock = Some(true)), ["lock"]);
        assert_eq!(drift(|p| p.expires = Some(true)), ["expires"]);
        assert_eq!(drift(|p| p.replicated = Some(true)), ["replicated"]);
    }
}
