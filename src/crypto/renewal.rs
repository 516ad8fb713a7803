//! Renewing a day: a second key for a day that some recordings left early.
//!
//! What lives is wrapped anew under the new generation; the older one is dropped at a forgetting
//! ([`Keys::forget_with`]), and with it whatever an old copy of the index still holds of those
//! that left.

use super::error::Error;
use super::forget::Forgotten;
use super::keyring::Keyring;
use super::keys::{ATTEMPTS, Keys, newest, pause};
use super::place::PlaceError;
use super::secret::Secret;
use crate::model::{ControllerId, Day};

impl Keyring {
    /// Drops the generations of `day` before `generation`, unless that would leave it none.
    pub(super) fn drop_generations(&mut self, day: Day, generation: i32) {
        if self.generation(day).is_none_or(|newest| newest < generation) {
            return;
        }
        let older = self.days.range((day, i32::MIN)..(day, generation));
        let older: Vec<_> = older.map(|(key, _)| *key).collect();
        for key in older {
            self.drop_key(key);
        }
    }
}

impl Keys {
    /// Makes the next generation of the key of `day`, durably, and returns its number.
    ///
    /// Nothing is made when there is one after `generation` already: two nodes that renew a day
    /// at once share it.
    pub async fn renew_day(&self, day: Day, generation: i32) -> Result<i32, Error> {
        let _changing = self.0.changing.lock().await;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let (mut keyring, stored) = newest(&*self.0.place).await?;
            if day < keyring.forgotten_before {
                return Err(Error::Forgotten { day });
            }
            let known = keyring.generation(day).ok_or(Error::NoKey)?;
            if known > generation {
                self.adopt(keyring);
                return Ok(known);
            }
            let next = known.checked_add(1).ok_or(Error::TooLong)?;
            keyring.days.insert((day, next), Secret::random()?);
            keyring.version.seq += 1;
            let sealed = keyring.seal(&stored.root)?;
            match self.0.place.update(keyring.version, stored.version.seq, &sealed).await {
                Err(PlaceError::Conflict) => continue,
                updated => updated?,
            }
            let (kept, _) = newest(&*self.0.place).await?;
            if !kept.agrees(&keyring, &[], &[day]) {
                return Err(Error::ReadBack);
            }
            self.adopt(kept);
            return Ok(next);
        }
        Err(PlaceError::Conflict.into())
    }

    /// The days that have more than one generation, with the newest of each.
    #[must_use]
    pub fn renewed_days(&self) -> Vec<(Day, i32)> {
        let live = self.live();
        let mut days: Vec<(Day, i32)> = Vec::new();
        let mut before = None;
        for (day, generation) in live.days.keys() {
            if before == Some(*day) {
                days.retain(|(known, _)| known != day);
                days.push((*day, *generation));
            }
            before = Some(*day);
        }
        days
    }

    /// Whether this generation of the key of `day` is there.
    #[must_use]
    pub fn has_generation(&self, day: Day, generation: i32) -> bool {
        self.live().days.contains_key(&(day, generation))
    }

    /// Whether a generation of the key of `day` before this one is there.
    #[must_use]
    pub fn has_before(&self, day: Day, generation: i32) -> bool {
        self.live().days.range((day, i32::MIN)..(day, generation)).next().is_some()
    }

    /// As [`Keys::forget`], and drops in the same step the generations of renewed days before the
    /// ones given, and the keys of the controllers that leave.
    pub async fn forget_with(
        &self,
        today: Day,
        renewed: &[(Day, i32)],
        leaving: &[ControllerId],
    ) -> Result<Forgotten, Error> {
        self.renew(|keyring| {
            keyring.drop_before(today);
            for (day, generation) in renewed {
                keyring.drop_generations(*day, *generation);
            }
            keyring.tenants.retain(|id, _| !leaving.contains(id));
        })
        .await
    }
}
