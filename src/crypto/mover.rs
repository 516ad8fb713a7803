//! Moving many wraps to other days at once: each key is computed once, for as long as a batch lasts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::cipher::{open_small, seal_small};
use super::error::Error;
use super::keyring::Keyring;
use super::keys::Keys;
use super::rows::Row;
use super::secret::Secret;
use super::wrap::WrapFacts;
use crate::model::{ControllerId, Day, RecordingId};

/// Moves wraps and sealed rows by the keyring as it was when this was made. Drop it with the batch.
pub struct Mover {
    live: Arc<Keyring>,
    keks: HashMap<(ControllerId, Day, i32), Secret>,
}

impl Keys {
    /// Something that moves many wraps.
    #[must_use]
    pub fn mover(&self) -> Mover {
        Mover { live: self.live(), keks: HashMap::new() }
    }
}

impl Mover {
    /// Moves a wrap to another day, generation or class of the same object, as [`Keys::rewrap`].
    pub fn rewrap(
        &mut self,
        wrap: &[u8],
        from: &WrapFacts,
        to: &WrapFacts,
    ) -> Result<Vec<u8>, Error> {
        if !from.same_object(to) {
            return Err(Error::OtherObject);
        }
        let kek = self.kek(from.controller, from.day, from.generation).ok_or(Error::Open)?;
        let dek = open_small(kek.bytes(), &from.aad(), wrap)?;
        if dek.len() != 32 {
            return Err(Error::Open);
        }
        let kek = self.kek(to.controller, to.day, to.generation).ok_or(Error::NoKey)?;
        seal_small(kek.bytes(), &to.aad(), &dek)
    }

    /// Moves what [`Keys::seal_row`] sealed to the newest key of another day.
    pub fn reseal(
        &mut self,
        (controller, recording): (ControllerId, RecordingId),
        from: Day,
        to: Day,
        label: &'static str,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (generation, rest) = sealed.split_first_chunk::<4>().ok_or(Error::Open)?;
        let generation = i32::from_be_bytes(*generation);
        let kek = self.kek(controller, from, generation).ok_or(Error::Open)?;
        let row = Row { controller, recording, day: from, generation, label };
        let plain = open_small(kek.bytes(), &row.aad(), rest)?;
        let generation = self.live.generation(to).ok_or(Error::NoKey)?;
        let kek = self.kek(controller, to, generation).ok_or(Error::NoKey)?;
        let row = Row { controller, recording, day: to, generation, label };
        row.seal_with(super::secret::random_public()?, kek, &plain)
    }

    fn kek(&mut self, of: ControllerId, day: Day, generation: i32) -> Option<&Secret> {
        match self.keks.entry((of, day, generation)) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(place) => Some(place.insert(self.live.kek(of, day, generation)?)),
        }
    }
}
