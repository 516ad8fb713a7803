//! The keyring in a PostgreSQL database of its own: what the index can hold, as the place that
//! the keys know.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::crypto::{Place, PlaceError, ReplicaResult, Stored, Version};
use crate::index::{self, KeyringDb};

/// A keyring that several nodes share. The database is replicated, never archived.
pub struct DatabasePlace(KeyringDb);

impl DatabasePlace {
    /// The keyring in this database.
    #[must_use]
    pub fn new(database: KeyringDb) -> Self {
        Self(database)
    }
}

fn failed(error: index::Error) -> PlaceError {
    match error {
        index::Error::Conflict(_) => PlaceError::Conflict,
        error => PlaceError::Unreachable(Box::new(error)),
    }
}

impl Place for DatabasePlace {
    fn head(&self) -> BoxFuture<'_, Result<Option<Version>, PlaceError>> {
        async {
            let head = self.0.head().await.map_err(failed)?;
            Ok(head.map(|head| Version { epoch: head.epoch, seq: head.seq }))
        }
        .boxed()
    }

    fn epochs(&self) -> BoxFuture<'_, Result<Vec<i64>, PlaceError>> {
        async { self.0.epochs().await.map_err(failed) }.boxed()
    }

    fn read(&self, epoch: i64) -> BoxFuture<'_, Result<Option<Stored>, PlaceError>> {
        async move {
            let Some(kept) = self.0.read(epoch).await.map_err(failed)? else {
                return Ok(None);
            };
            let root = <[u8; 32]>::try_from(kept.root.as_slice())
                .map_err(|_| PlaceError::Damaged { epoch })?;
            let version = Version { epoch, seq: kept.seq };
            Ok(Some(Stored { version, sealed: kept.sealed, root: Zeroizing::new(root) }))
        }
        .boxed()
    }

    fn create(&self, stored: &Stored) -> BoxFuture<'_, Result<(), PlaceError>> {
        let new = index::Sealed {
            epoch: stored.version.epoch,
            seq: stored.version.seq,
            sealed: stored.sealed.clone(),
            root: Zeroizing::new(stored.root.to_vec()),
        };
        async move { self.0.create(&new).await.map_err(failed) }.boxed()
    }

    fn update(
        &self,
        version: Version,
        expected_seq: i64,
        sealed: &[u8],
    ) -> BoxFuture<'_, Result<(), PlaceError>> {
        let sealed = sealed.to_vec();
        async move {
            let updated = self.0.update(version.epoch, expected_seq, version.seq, &sealed);
            updated.await.map_err(failed)
        }
        .boxed()
    }

    fn destroy(&self, epoch: i64) -> BoxFuture<'_, Result<Vec<ReplicaResult>, PlaceError>> {
        async move {
            let done = self.0.destroy(epoch).await.map_err(failed)?;
            let detail = if done.checkpointed {
                "rewritten, checkpointed"
            } else {
                "rewritten; grant pg_checkpoint so that the log is recycled at once"
            };
            Ok(vec![ReplicaResult { name: "database".into(), ok: true, detail: detail.into() }])
        }
        .boxed()
    }

    fn replicas(&self) -> BoxFuture<'_, Vec<ReplicaResult>> {
        async {
            let (ok, detail) = match self.0.head().await {
                Ok(Some(head)) => (true, format!("epoch {}", head.epoch)),
                Ok(None) => (false, "holds no keyring".into()),
                Err(error) => (false, error.to_string()),
            };
            vec![ReplicaResult { name: "database".into(), ok, detail }]
        }
        .boxed()
    }
}
