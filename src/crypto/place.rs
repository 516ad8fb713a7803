//! Where root and sealed keyring lie: files by default, something replicated for several nodes.

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

/// Which state of the keyring it is.
///
/// A new `epoch` has a new root. `seq` grows by one with every change, whether or not the epoch
/// grows with it, and so tells by itself which of two states is the later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Counts roots.
    pub epoch: i64,
    /// Counts changes, over all epochs.
    pub seq: i64,
}

/// A state of the keyring with the root that opens it. Has no `Debug`: it holds a secret.
pub struct Stored {
    /// Which state it is.
    pub version: Version,
    /// The keyring, sealed by the root.
    pub sealed: Vec<u8>,
    /// The root.
    pub root: Zeroizing<[u8; 32]>,
}

/// How one copy of the root, or of the keyring, is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaResult {
    /// Which copy: a number or a label, never a path.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found or done.
    pub detail: String,
}

/// Why a place could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Somebody else changed the keyring first: read again and try again.
    #[error("somebody else changed the keyring first")]
    Conflict,
    /// No replica holds a whole root of the epoch, or its keyring is not one.
    #[error("root or keyring of epoch {epoch} are damaged or missing")]
    Damaged {
        /// The epoch that was asked for.
        epoch: i64,
    },
    /// A disk or a database failed.
    #[error("the place of the keyring cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<std::io::Error> for PlaceError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreachable(Box::new(error))
    }
}

/// Where root and sealed keyring lie.
///
/// Changes must be seen one after the other by everybody who shares the place: the check for a
/// conflict and the change are one step. Otherwise a key that one node makes while another
/// forgets would be lost, and the recording with it.
pub trait Place: Send + Sync {
    /// The newest version, or `None` when there is no keyring. Cheap: asked twice a second.
    fn head(&self) -> BoxFuture<'_, Result<Option<Version>, PlaceError>>;

    /// Every epoch up to the newest of which root or sealed keyring can still be there.
    fn epochs(&self) -> BoxFuture<'_, Result<Vec<i64>, PlaceError>>;

    /// Root and keyring of an epoch, or `None` when its keyring is not there.
    fn read(&self, epoch: i64) -> BoxFuture<'_, Result<Option<Stored>, PlaceError>>;

    /// Adds an epoch: all of it, durable in every replica, or nothing that [`Place::head`] shows.
    ///
    /// A conflict when any stored epoch is not below `stored`'s, or any stored seq is not below it.
    fn create(&self, stored: &Stored) -> BoxFuture<'_, Result<(), PlaceError>>;

    /// Replaces the keyring of the newest epoch, durably; its root stays.
    ///
    /// A conflict unless the newest version is `version.epoch` with `expected_seq`.
    fn update(
        &self,
        version: Version,
        expected_seq: i64,
        sealed: &[u8],
    ) -> BoxFuture<'_, Result<(), PlaceError>>;

    /// Destroys an epoch, its root first, and tells how each replica did. Again is no error.
    ///
    /// As long as a replica fails, [`Place::epochs`] goes on to name the epoch.
    fn destroy(&self, epoch: i64) -> BoxFuture<'_, Result<Vec<ReplicaResult>, PlaceError>>;

    /// How every replica of the newest epoch is doing.
    fn replicas(&self) -> BoxFuture<'_, Vec<ReplicaResult>>;
}
