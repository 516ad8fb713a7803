//! Small things that die with an object's key: its SHA-256, its drawing, its table of places.
//!
//! ```text
//! key  = HKDF-SHA-256(ikm = DEK, no salt, info)
//! info = "cvault v1 note" ‖ label ‖ controller(16) ‖ recording(16) ‖ kind(1)
//! note = nonce(12, random) ‖ AES-256-GCM(key, nonce, plain, aad = "") ‖ tag(16)
//! ```

use zeroize::Zeroizing;

use super::cipher::{open_small, seal_small};
use super::derive;
use super::error::Error;
use super::object::Context;
use super::secret::{Dek, Secret};

/// Seals something small under the key of an object. `label` says what it is.
pub fn seal_note(
    dek: &Dek,
    context: Context,
    label: &'static str,
    plain: &[u8],
) -> Result<Vec<u8>, Error> {
    seal_small(key(dek, context, label).bytes(), b"", plain)
}

/// Opens what [`seal_note`] sealed for the same object and with the same label.
pub fn open_note(
    dek: &Dek,
    context: Context,
    label: &'static str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    open_small(key(dek, context, label).bytes(), b"", sealed)
}

pub(super) fn key(dek: &Dek, context: Context, label: &str) -> Secret {
    derive::key(
        &[dek.bytes()],
        None,
        &[
            b"cvault v1 note",
            label.as_bytes(),
            context.controller.as_bytes(),
            context.recording.as_bytes(),
            &[context.kind.byte()],
        ],
    )
}
