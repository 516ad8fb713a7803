//! The wrap: a DEK as an index row holds it, bound to all that the row says of the object.
//!
//! ```text
//! KEK  = HKDF-SHA-256(ikm = TenantKey ‖ DayKey, no salt, info)
//! info = "cvault v1 kek" ‖ controller(16) ‖ day(4) ‖ generation(4)
//! wrap = nonce(12, random) ‖ AES-256-GCM(KEK, nonce, DEK, aad) ‖ tag(16): 60 bytes
//! aad  = "cvault v1 wrap" ‖ controller(16) ‖ recording(16) ‖ kind(1)
//!        ‖ class(1: support 1, customer 2) ‖ day(4) ‖ generation(4) ‖ plain_len(8)
//!        ‖ salt(32) ‖ commitment(32)
//! ```

use super::cipher::{NONCE, open_small, seal_small_with};
use super::error::Error;
use super::keys::Keys;
use super::object::Kind;
use super::secret::{Dek, Secret, random_public};
use crate::model::{Class, ControllerId, Day, RecordingId};

/// What a wrap is bound to. Change one and the wrap does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrapFacts {
    /// Whose recording it is.
    pub controller: ControllerId,
    /// Which recording it is of.
    pub recording: RecordingId,
    /// What the object holds.
    pub kind: Kind,
    /// Why the recording was made.
    pub class: Class,
    /// The day whose key wraps it.
    pub day: Day,
    /// The generation of that day's key.
    pub generation: i32,
    /// Bytes of plaintext in the object.
    pub plain_len: u64,
    /// The object's salt.
    pub salt: [u8; 32],
    /// The object's key commitment.
    pub commitment: [u8; 32],
}

impl WrapFacts {
    pub(super) fn aad(&self) -> Vec<u8> {
        let class = match self.class {
            Class::Support => 1,
            Class::Customer => 2,
        };
        [
            b"cvault v1 wrap".as_slice(),
            self.controller.as_bytes(),
            self.recording.as_bytes(),
            &[self.kind.byte(), class],
            &self.day.0.to_be_bytes(),
            &self.generation.to_be_bytes(),
            &self.plain_len.to_be_bytes(),
            &self.salt,
            &self.commitment,
        ]
        .concat()
    }

    /// Whether both are facts about one object, whatever its day, generation and class.
    pub(super) fn same_object(&self, other: &Self) -> bool {
        let Self { class, day, generation, .. } = *self;
        *self == Self { class, day, generation, ..*other }
    }
}

impl Keys {
    /// Wraps a key for its row.
    pub fn wrap(&self, dek: &Dek, facts: &WrapFacts) -> Result<Vec<u8>, Error> {
        let kek = self.live().kek(facts.controller, facts.day, facts.generation);
        wrap_with(random_public()?, &kek.ok_or(Error::NoKey)?, dek, facts)
    }

    /// Takes the key of an object out of its wrap.
    pub fn unwrap(&self, wrap: &[u8], facts: &WrapFacts) -> Result<Dek, Error> {
        let kek = self.live().kek(facts.controller, facts.day, facts.generation);
        let dek = open_small(kek.ok_or(Error::Open)?.bytes(), &facts.aad(), wrap)?;
        let dek: &[u8; 32] = dek.as_slice().try_into().map_err(|_| Error::Open)?;
        Ok(Dek(Secret::copy_of(dek)))
    }

    /// Moves a wrap to another day, generation or class of the same object.
    pub fn rewrap(&self, wrap: &[u8], from: &WrapFacts, to: &WrapFacts) -> Result<Vec<u8>, Error> {
        if !from.same_object(to) {
            return Err(Error::OtherObject);
        }
        self.wrap(&self.unwrap(wrap, from)?, to)
    }
}

pub(super) fn wrap_with(
    nonce: [u8; NONCE],
    kek: &Secret,
    dek: &Dek,
    facts: &WrapFacts,
) -> Result<Vec<u8>, Error> {
    seal_small_with(nonce, kek.bytes(), &facts.aad(), dek.bytes())
}
