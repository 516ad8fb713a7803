//! How often somebody may try to sign in: an account and an address each wait longer after every
//! failure.
//!
//! An attempt counts before it is known whether it is good, so that many at once count too. Names
//! that nobody has wait just the same. What is kept is a keyed hash of the name and of the address.

use std::net::IpAddr;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;

use crate::index::Tx;
use crate::index::accounts as people;
use crate::index::ledger_entries;
use crate::index::sign_in_failures::{self as rows, Failures};
use crate::model::{Event, Timestamp};
use crate::vault::error::Error;
use crate::vault::{Vault, ledger};

/// After how long without an attempt failures are forgotten.
pub(super) const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What the key of the hashes is for.
const LABEL: &str = "sign-in";

/// How failures make somebody wait.
#[derive(Clone, Copy)]
struct Rule {
    /// How many are free.
    free: i32,
    /// The first wait; it doubles with every failure.
    first: SignedDuration,
    /// The longest.
    longest: SignedDuration,
}

/// One account: half a minute after the fifth, a quarter of an hour from the tenth on.
const ACCOUNT: Rule =
    Rule { free: 4, first: SignedDuration::from_secs(30), longest: SignedDuration::from_mins(15) };

/// One address, behind which a whole office can be.
const ADDRESS: Rule =
    Rule { free: 49, first: SignedDuration::from_secs(5), longest: SignedDuration::from_mins(5) };

impl Rule {
    /// How long the next attempt waits after so many failures.
    fn wait(self, failures: i32) -> Option<SignedDuration> {
        let beyond = u32::try_from(failures - self.free - 1).ok()?;
        let wait = self.first.checked_mul(1_i32.checked_shl(beyond.min(20))?);
        Some(wait.map_or(self.longest, |wait| wait.min(self.longest)))
    }
}

/// An attempt that counts as a failure until it is taken back.
#[must_use]
pub(in crate::vault) struct Attempt {
    account: [u8; 32],
    address: Option<[u8; 32]>,
    /// How many failures there were before it.
    pub(in crate::vault) before: i32,
}

impl Attempt {
    /// It was good: nothing is held against the account, and one less against the address.
    pub(in crate::vault) async fn succeeded(&self, tx: &mut Tx) -> Result<(), Error> {
        rows::clear(tx, &self.account).await?;
        if let Some(address) = &self.address {
            rows::forgive(tx, address).await?;
        }
        Ok(())
    }
}

impl Vault {
    /// Counts an attempt to sign in, or refuses it.
    pub(in crate::vault) async fn begin_attempt(
        &self,
        name_key: &str,
        address: Option<IpAddr>,
    ) -> Result<Attempt, Error> {
        let account = self.attempt_key("name", name_key.as_bytes())?;
        let address = address.map(|address| self.attempt_key("address", &octets(address)));
        let address = address.transpose()?;
        let mut tx = self.addition().await?;
        // Always in this order, so that two attempts never wait for each other.
        let by_address = match &address {
            Some(key) => self.count_attempt(&mut tx, key, ADDRESS).await?,
            None => Counted::Free(0),
        };
        let by_account = self.count_attempt(&mut tx, &account, ACCOUNT).await?;
        let wait = by_address.refused().max(by_account.refused());
        if let Some(wait) = wait {
            tx.rollback().await?;
            metrics::counter!("callvault_sign_in_total", "outcome" => "locked_out").increment(1);
            return Err(Error::LockedOut(
                Duration::try_from(wait).unwrap_or(Duration::from_mins(1)),
            ));
        }
        if let Counted::Waits(failures) = by_account
            && let Some(known) = people::find_by_name(&mut tx, name_key).await?
        {
            let body = json!({ "principal": known.id, "failures": failures });
            let now = self.0.clock.now();
            let entry = ledger::general(known.controller, now, Event::SignInLocked, &body);
            ledger_entries::append(&mut tx, &[entry]).await?;
        }
        tx.commit().await?;
        Ok(Attempt { account, address, before: by_account.failures() - 1 })
    }

    /// Takes an attempt back that was neither good nor a failure.
    pub(in crate::vault) async fn forgive(&self, attempt: &Attempt) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        if let Some(address) = &attempt.address {
            rows::forgive(&mut tx, address).await?;
        }
        rows::forgive(&mut tx, &attempt.account).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn count_attempt(
        &self,
        tx: &mut Tx,
        key: &[u8; 32],
        rule: Rule,
    ) -> Result<Counted, Error> {
        let now = self.0.clock.now();
        let counted = rows::count(tx, key, now, now.plus(-REMEMBERED)).await?;
        let Failures { failures, locked_until } = counted;
        if let Some(until) = locked_until.filter(|until| *until > now) {
            return Ok(Counted::Refused(until.since(now)));
        }
        let Some(wait) = rule.wait(failures) else { return Ok(Counted::Free(failures)) };
        let until: Timestamp = now.plus(wait);
        rows::lock(tx, key, until).await?;
        Ok(Counted::Waits(failures))
    }

    fn attempt_key(&self, kind: &str, value: &[u8]) -> Result<[u8; 32], Error> {
        let value = [kind.as_bytes(), b"\0", value].concat();
        Ok(self.0.keys.blind(self.0.provider, LABEL, &value)?)
    }
}

/// What an attempt is after it was counted.
#[derive(Clone, Copy)]
enum Counted {
    /// One of the free ones.
    Free(i32),
    /// It may be tried; the next one waits.
    Waits(i32),
    /// Too soon, by this much.
    Refused(SignedDuration),
}

impl Counted {
    fn refused(self) -> Option<SignedDuration> {
        match self {
            Self::Refused(wait) => Some(wait),
            Self::Free(_) | Self::Waits(_) => None,
        }
    }

    fn failures(self) -> i32 {
        match self {
            Self::Free(failures) | Self::Waits(failures) => failures,
            Self::Refused(_) => 0,
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_makes_the_next_wait_longer_up_to_a_quarter_of_an_hour() {
        let waits: Vec<_> = (1..=12)
            .map(|failures| ACCOUNT.wait(failures).map_or(0, |wait| wait.as_secs()))
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(ACCOUNT.wait(i32::MAX), Some(SignedDuration::from_mins(15)));
        assert_eq!(ADDRESS.wait(49), None);
        assert_eq!(ADDRESS.wait(50), Some(SignedDuration::from_secs(5)));
    }
}
