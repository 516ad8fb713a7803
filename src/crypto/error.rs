//! What can go wrong with secrets. No error tells why something did not open.

use super::place::PlaceError;
use crate::model::Day;

/// Why a secret could not be made, used or forgotten.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is damaged, foreign or forgotten; which of these is not told.
    #[error("it does not open")]
    Open,
    /// A piece that is not the last one ended inside a segment.
    #[error("only the last piece of an object may end inside a segment")]
    Unaligned,
    /// The last piece was empty although earlier ones were not: the final flag has no segment.
    #[error("the last piece of an object must hold its last bytes")]
    EmptyEnd,
    /// Something came after the last piece, or after a failure.
    #[error("the object has already ended")]
    Ended,
    /// More than 2³² segments.
    #[error("the object is too long to be sealed")]
    TooLong,
    /// The range is empty or not within the object.
    #[error("the range is not within the object")]
    Range,
    /// A re-wrap named another object than the wrap is of.
    #[error("a wrap can move to another day or class, never to another object")]
    OtherObject,
    /// The keyring holds no key for this controller or day: it was not made sure of first.
    #[error("the keyring holds no key for this controller or day")]
    NoKey,
    /// The key of this day was forgotten and is never made again.
    #[error("the key of {day} is forgotten")]
    Forgotten {
        /// The day that was asked for.
        day: Day,
    },
    /// There is no keyring yet.
    #[error("there is no keyring yet")]
    NoKeyring,
    /// There is a keyring already, and making another would lose it.
    #[error("there is a keyring already")]
    KeyringExists,
    /// The keyring is damaged or its root belongs to another one.
    #[error("the keyring does not open under its root")]
    Keyring,
    /// What was written did not read back equal; nothing old was destroyed.
    #[error("the keyring did not read back as it was written")]
    ReadBack,
    /// The operating system gave no randomness.
    #[error("the system gave no randomness")]
    Random,
    /// The place of root and keyring failed.
    #[error(transparent)]
    Place(#[from] PlaceError),
}
