//! Metadata in index rows: sealed under its own day, and found again without opening it.
//!
//! ```text
//! row   = generation(4) ‖ nonce(12, random) ‖ AES-256-GCM(KEK, nonce, plain, aad) ‖ tag(16)
//! aad   = "cvault v1 row" ‖ controller(16) ‖ recording(16) ‖ day(4) ‖ generation(4) ‖ label
//! blind = HMAC-SHA-256(key, value)
//! key   = HKDF-SHA-256(ikm = TenantKey, no salt, "cvault v1 blind" ‖ controller(16) ‖ label)
//! ```
//!
//! The KEK is the one of wraps (`wrap`); the first words of the aad keep the two uses apart.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::cipher::{NONCE, open_small, seal_small_with};
use super::error::Error;
use super::keys::Keys;
use super::secret::{Secret, random_public};
use crate::model::{ControllerId, Day, RecordingId};

impl Keys {
    /// Seals metadata of a recording so that it opens until the key of `day` is forgotten.
    pub fn seal_row(
        &self,
        controller: ControllerId,
        recording: RecordingId,
        day: Day,
        label: &'static str,
        plain: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let row = Row { controller, recording, day, generation: self.generation(day), label };
        let kek = self.live().kek(controller, day, row.generation).ok_or(Error::NoKey)?;
        row.seal_with(random_public()?, &kek, plain)
    }

    /// Opens what [`Keys::seal_row`] sealed for the same recording, day and label.
    pub fn open_row(
        &self,
        controller: ControllerId,
        recording: RecordingId,
        day: Day,
        label: &'static str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (generation, rest) = sealed.split_first_chunk::<4>().ok_or(Error::Open)?;
        let generation = i32::from_be_bytes(*generation);
        let row = Row { controller, recording, day, generation, label };
        let kek = self.live().kek(controller, day, generation).ok_or(Error::Open)?;
        open_small(kek.bytes(), &row.aad(), rest)
    }

    /// What stands for `value` in an index: equal for equal values, and only within a controller.
    pub fn blind(
        &self,
        controller: ControllerId,
        label: &'static str,
        value: &[u8],
    ) -> Result<[u8; 32], Error> {
        let key = self.live().blind_key(controller, label).ok_or(Error::NoKey)?;
        Ok(blind(&key, value))
    }
}

/// What sealed metadata is bound to.
pub(super) struct Row<'a> {
    pub(super) controller: ControllerId,
    pub(super) recording: RecordingId,
    pub(super) day: Day,
    pub(super) generation: i32,
    pub(super) label: &'a str,
}

impl Row<'_> {
    pub(super) fn aad(&self) -> Vec<u8> {
        [
            b"cvault v1 row".as_slice(),
            self.controller.as_bytes(),
            self.recording.as_bytes(),
            &self.day.0.to_be_bytes(),
            &self.generation.to_be_bytes(),
            self.label.as_bytes(),
        ]
        .concat()
    }

    pub(super) fn seal_with(
        &self,
        nonce: [u8; NONCE],
        kek: &Secret,
        plain: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let sealed = seal_small_with(nonce, kek.bytes(), &self.aad(), plain)?;
        Ok([self.generation.to_be_bytes().as_slice(), &sealed].concat())
    }
}

pub(super) fn blind(key: &Secret, value: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.bytes())
        .expect("HMAC takes keys of any length");
    mac.update(value);
    mac.finalize().into_bytes().into()
}
