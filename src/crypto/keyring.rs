//! The keyring in memory: a secret for each controller and for each day that is still ahead.
//!
//! ```text
//! fingerprint of a day key = SHA-256("cvault v1 day" ‖ day(4) ‖ generation(4) ‖ key)
//! ```

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::derive;
use super::error::Error;
use super::place::Version;
use super::secret::Secret;
use crate::model::{ControllerId, Day};

/// What was dropped of a day: the day, the generation of its key and the key's fingerprint.
pub(super) type Dropped = (Day, i32, [u8; 32]);

/// One state of the keyring, open.
pub(super) struct Keyring {
    pub(super) version: Version,
    /// No key for a day before this one is ever made again.
    pub(super) forgotten_before: Day,
    pub(super) tenants: BTreeMap<ControllerId, Secret>,
    pub(super) days: BTreeMap<(Day, i32), Secret>,
    /// The day keys that went when this epoch began.
    pub(super) dropped: Vec<Dropped>,
}

impl Keyring {
    /// The first state of all: nothing in it.
    pub(super) fn empty() -> Self {
        Self {
            version: Version { epoch: 1, seq: 1 },
            forgotten_before: Day(i32::MIN),
            tenants: BTreeMap::new(),
            days: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }

    /// The newest generation of the key of `day`, if there is one.
    pub(super) fn generation(&self, day: Day) -> Option<i32> {
        let newest = self.days.range((day, i32::MIN)..=(day, i32::MAX)).next_back();
        newest.map(|((_, generation), _)| *generation)
    }

    /// Whether a key is missing for any of them; an error when one is forgotten.
    pub(super) fn lacks(&self, controllers: &[ControllerId], days: &[Day]) -> Result<bool, Error> {
        if let Some(day) = days.iter().find(|day| **day < self.forgotten_before) {
            return Err(Error::Forgotten { day: *day });
        }
        Ok(controllers.iter().any(|controller| !self.tenants.contains_key(controller))
            || days.iter().any(|day| self.generation(*day).is_none()))
    }

    /// Makes the keys that are missing.
    pub(super) fn add(&mut self, controllers: &[ControllerId], days: &[Day]) -> Result<(), Error> {
        for controller in controllers {
            if !self.tenants.contains_key(controller) {
                self.tenants.insert(*controller, Secret::random()?);
            }
        }
        for day in days {
            if self.generation(*day).is_none() {
                self.days.insert((*day, 0), Secret::random()?);
            }
        }
        Ok(())
    }

    /// Whether `other` holds the same keys for them.
    pub(super) fn agrees(&self, other: &Self, controllers: &[ControllerId], days: &[Day]) -> bool {
        let same = |one: Option<&Secret>, two: Option<&Secret>| {
            one.zip(two).is_some_and(|(one, two)| one.is(two))
        };
        controllers.iter().all(|id| same(self.tenants.get(id), other.tenants.get(id)))
            && days.iter().all(|day| same(self.day_key(*day), other.day_key(*day)))
    }

    fn day_key(&self, day: Day) -> Option<&Secret> {
        self.days.get(&(day, self.generation(day)?))
    }

    /// Drops the keys of all days before `today`. The hold bucket is no day and stays.
    pub(super) fn drop_before(&mut self, today: Day) {
        self.forgotten_before = self.forgotten_before.max(today);
        let live = self.days.split_off(&(today, i32::MIN));
        let gone = std::mem::replace(&mut self.days, live);
        self.dropped.extend(gone.iter().map(|((day, generation), key)| {
            (*day, *generation, fingerprint(*day, *generation, key))
        }));
    }

    /// Drops one key and remembers that it did.
    pub(super) fn drop_key(&mut self, key: (Day, i32)) {
        if let Some(secret) = self.days.remove(&key) {
            self.dropped.push((key.0, key.1, fingerprint(key.0, key.1, &secret)));
        }
    }

    /// The key of one object of the wrap journal.
    pub(super) fn journal_key(&self, of: ControllerId, salt: &[u8]) -> Option<Secret> {
        let tenant = self.tenants.get(&of)?;
        Some(derive::key(&[tenant.bytes()], Some(salt), &[b"cvault v1 journal"]))
    }

    /// The key that seals what is a controller's and dies with a day.
    pub(super) fn kek(&self, of: ControllerId, day: Day, generation: i32) -> Option<Secret> {
        let tenant = self.tenants.get(&of)?;
        let day_key = self.days.get(&(day, generation))?;
        Some(derive::key(
            &[tenant.bytes(), day_key.bytes()],
            None,
            &[b"cvault v1 kek", of.as_bytes(), &day.0.to_be_bytes(), &generation.to_be_bytes()],
        ))
    }

    /// The key of a controller's blind index for `label`.
    pub(super) fn blind_key(&self, of: ControllerId, label: &str) -> Option<Secret> {
        let tenant = self.tenants.get(&of)?;
        let info: [&[u8]; 3] = [b"cvault v1 blind", of.as_bytes(), label.as_bytes()];
        Some(derive::key(&[tenant.bytes()], None, &info))
    }

    /// What tells the newest key of `day` from any other without telling the key.
    pub(super) fn fingerprint(&self, day: Day) -> Option<[u8; 32]> {
        let generation = self.generation(day)?;
        Some(fingerprint(day, generation, self.days.get(&(day, generation))?))
    }
}

fn fingerprint(day: Day, generation: i32, key: &Secret) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"cvault v1 day");
    hash.update(day.0.to_be_bytes());
    hash.update(generation.to_be_bytes());
    hash.update(key.bytes());
    hash.finalize().into()
}
