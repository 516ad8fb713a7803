//! Identifiers. All of them are random, so that none tells when or for whom it was made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random identifier (`UUIDv4`).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }

            /// The 16 bytes of the identifier, as they enter key derivation.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// Identifies a recording. Random, never time-ordered (I11).
    RecordingId
}
id! {
    /// Identifies a controller: the provider or one customer. Opaque outside the index.
    ControllerId
}
id! {
    /// Identifies an export: what a customer downloads of its own recordings.
    ExportId
}
id! {
    /// Identifies an endpoint that events go out to.
    WebhookId
}
id! {
    /// Identifies one event on its way to one endpoint.
    DeliveryId
}
id! {
    /// Identifies who holds a token. What the ledger calls people by: a pseudonym.
    PrincipalId
}

id! {
    /// Identifies a hold.
    HoldId
}
id! {
    /// Identifies a playback: one person hears one recording for one purpose.
    PlaybackId
}
id! {
    /// Identifies a note at a place in a recording.
    NoteId
}
id! {
    /// Identifies a training set.
    TrainingSetId
}
id! {
    /// Identifies an item of a training set.
    ItemId
}
id! {
    /// Identifies an evidence package.
    EvidenceId
}
id! {
    /// Identifies a muted part of a recording.
    MuteId
}
id! {
    /// Identifies something asked for that a second person has to agree to.
    ApprovalId
}
id! {
    /// Identifies somebody's being signed in, without being what signs them in.
    SessionId
}

/// What an operator calls a customer: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct CustomerRef(String);

impl CustomerRef {
    /// The reference as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A customer reference that is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a customer reference is 1 to 64 letters, digits, dots, dashes and underscores")]
pub struct RefError;

impl TryFrom<String> for CustomerRef {
    type Error = RefError;

    fn try_from(text: String) -> Result<Self, RefError> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        fits.then_some(Self(text)).ok_or(RefError)
    }
}

impl FromStr for CustomerRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for CustomerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
