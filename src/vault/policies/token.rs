//! The token of a preview: who saw what, when. Whoever changes a policy has seen what that does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::PolicyWish;
use crate::model::{Customer, Policy, Timestamp};
use crate::vault::Vault;
use crate::vault::error::Error;

/// For how long what somebody saw is still what there is.
const VALID: SignedDuration = SignedDuration::from_mins(15);

const LABEL: &str = "preview";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// When, in microseconds.
    at: i64,
    /// How many recordings would be erased before their time.
    pub(super) early: u64,
}

/// What a token is bound to beside that.
#[derive(Serialize)]
struct Bound<'a> {
    seen: &'a Seen,
    policy: &'a Policy,
    existing: bool,
    replaces: i32,
    floor: Option<String>,
    ceiling: String,
}

impl Vault {
    /// A token for what somebody sees now.
    pub(super) fn preview_token(
        &self,
        customer: &Customer,
        policy: &Policy,
        wish: &PolicyWish,
        early: u64,
    ) -> Result<String, Error> {
        let seen = Seen { at: self.0.clock.now().micros(), early };
        let mac = self.mac(customer, policy, wish, &seen)?;
        let text = serde_json::to_vec(&seen).expect("two numbers are always JSON");
        Ok(format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// What its holder saw, if that was this change of this policy, a moment ago.
    pub(super) fn seen(
        &self,
        customer: &Customer,
        policy: &Policy,
        wish: &PolicyWish,
        token: &str,
    ) -> Result<Seen, Error> {
        let read = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let parts = token.split_once('.').and_then(|(text, mac)| read(text).zip(read(mac)));
        let (text, mac) = parts.ok_or(Error::StalePreview)?;
        let seen: Seen = serde_json::from_slice(&text).map_err(|_| Error::StalePreview)?;
        let right = self.mac(customer, policy, wish, &seen)?;
        let at = Timestamp::from_micros(seen.at).ok_or(Error::StalePreview)?;
        let age = self.0.clock.now().since(at);
        if !bool::from(right.as_slice().ct_eq(&mac)) || age.is_negative() || age > VALID {
            return Err(Error::StalePreview);
        }
        Ok(seen)
    }

    fn mac(
        &self,
        customer: &Customer,
        policy: &Policy,
        wish: &PolicyWish,
        seen: &Seen,
    ) -> Result<[u8; 32], Error> {
        let bound = Bound {
            seen,
            policy,
            existing: wish.apply_to_existing,
            replaces: customer.policy_version,
            floor: customer.floor.map(|term| term.to_string()),
            ceiling: customer.ceiling.to_string(),
        };
        let text = serde_json::to_vec(&bound).expect("terms and texts are always JSON");
        Ok(self.0.keys.blind(customer.id, LABEL, &text)?)
    }
}
