//! The journal of wraps: what makes a backup of the index restorable after keys moved.

use super::Vault;
use super::error::Error;
use crate::index::recordings::Moved;

impl Vault {
    /// Told of every batch of new wraps before the transaction that writes them commits.
    #[expect(clippy::unused_async, reason = "nothing keeps a journal yet")]
    pub(super) async fn journal_wraps(&self, _rewrapped: &[Moved]) -> Result<(), Error> {
        Ok(())
    }
}
