//! Secrets: how audio is sealed, whose keys open it, and how the keys are forgotten.
//!
//! One object has one random key (the DEK) and is sealed in 64 KiB segments that open on their own
//! (`object`, [`Sealer`], [`Opener`]). The DEK is kept only wrapped, in the index row, under a key
//! that is computed from a secret of the controller and a secret of the day the recording must die
//! (`wrap`). Those secrets live in the keyring (`keyring`, [`Keys`]), which is sealed by a root.
//! Forgetting writes a smaller keyring under a new root and destroys the old root (`forget`):
//! from then on no backup opens what has expired. Where root and keyring lie is a [`Place`];
//! [`Files`] is the default one.
//!
//! People's own secrets: passwords are hashed (`password`), second factors made and checked
//! (`one_time`).
//!
//! Every integer in every format of this room is big-endian.

mod cipher;
mod derive;
mod error;
mod files;
mod forget;
mod journal;
mod keyring;
mod keys;
mod mover;
mod note;
mod object;
mod one_time;
mod open;
mod password;
mod place;
mod renewal;
mod rows;
mod seal;
mod sealed;
mod secret;
mod wrap;

#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use cipher::bench_segment;
pub use error::Error;
pub use files::Files;
pub(crate) use files::write_file;
pub use forget::Forgotten;
pub use journal::{JOURNAL_HEADER, JournalEntry, Last, journal_until};
pub use keys::{Keys, Status};
pub use mover::Mover;
pub use note::{open_note, seal_note};
pub use object::{Context, HEADER, Kind, SEGMENT, TAG, check_header, object_len};
pub use one_time::{OneTime, STEP};
pub use open::{Opener, Span};
pub use password::{generate, hash_password, verify_password};
pub use place::{Place, PlaceError, ReplicaResult, Stored, Version};
pub use seal::Sealer;
pub use secret::{Dek, public_salt};
pub use wrap::WrapFacts;
