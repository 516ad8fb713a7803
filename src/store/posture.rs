//! What a store does with what is deleted, and where it is.

use super::error::Error;
use super::{Kind, Store};
use crate::model::Timestamp;

/// Whether a bucket keeps versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// It keeps none.
    Off,
    /// It keeps every one: a delete only hides the object.
    On,
    /// It keeps those from before, and may keep more.
    Suspended,
    /// It does not know versions.
    Unsupported,
}

impl Versioning {
    /// Whether something deleted may still be there as a version.
    #[must_use]
    pub const fn keeps(self) -> bool {
        matches!(self, Self::On | Self::Suspended)
    }
}

/// What a store does with what is deleted, and where it is, as it says itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posture {
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Whether it can lock objects against deletion; `None` when it does not say.
    pub lock: Option<bool>,
    /// Where it is; `None` when it does not say.
    pub location: Option<String>,
    /// Whether it drops uploads that were never finished by itself; `None` when it does not say.
    pub drops_unfinished: Option<bool>,
    /// Whether it expires objects by itself, which no policy of the vault told it; `None` when it does
    /// not say.
    pub expires: Option<bool>,
    /// Whether it copies objects to another bucket; `None` when it does not say.
    pub replicated: Option<bool>,
}

impl Store {
    /// Asks the store what it does with what is deleted.
    pub async fn posture(&self) -> Result<Posture, Error> {
        match &self.0.kind {
            Kind::Bucket(bucket) => bucket.posture().await,
            Kind::Folder(_) | Kind::Plain => Ok(Posture {
                versioning: Versioning::Off,
                lock: Some(false),
                location: None,
                drops_unfinished: Some(false),
                expires: Some(false),
                replicated: Some(false),
            }),
        }
    }

    /// Drops uploads that were begun before this and never finished, and returns how many.
    pub async fn sweep_unfinished(&self, older_than: Timestamp) -> Result<u64, Error> {
        match &self.0.kind {
            Kind::Folder(folder) => folder.sweep(older_than).await,
            Kind::Bucket(bucket) => bucket.sweep(&self.0.prefix, older_than).await,
            Kind::Plain => Ok(0),
        }
    }
}
