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
        index::Error::Conflict => PlaceError::Conflict,
        error => PlaceError::Failed(Box::new(error)),
    }
}

impl Place for DatabasePlace {
    fn head(&self) -> BoxFuture<'_, Result<Option<Version>, PlaceError>> {
        async {
            let head = self.0.head().await.map_err(failed)?;
            Ok(head.map(|(epoch, seq)| Version { epoch, seq }))
        }
        .boxed()
    }

    fn epochs(&self) -> BoxFuture<'_, Result<Vec<i64>, PlaceError>> {
        async { self.0.epochs().await.map_err(failed) }.boxed()
    }

    fn read(&self, epoch: i64) -> BoxFuture<'_, Result<Option<Stored>, PlaceError>> {
        async move {
            let Some((seq, sealed, root)) = self.0.read(epoch).await.map_err(failed)? else {
                return Ok(None);
            };
            let root = Zeroizing::new(root);
            let root = <[u8; 32]>::try_from(root.as_slice()).map_err(|_| PlaceError::Damaged)?;
            let version = Version { epoch, seq };
            Ok(Some(Stored { version, sealed, root: Zeroizing::new(root) }))
        }
        .boxed()
    }

    fn create<'a>(&'a self, stored: &'a Stored) -> BoxFuture<'a, Result<(), PlaceError>> {
        async move {
            let Stored { version, sealed, root } = stored;
            let created = self.0.create(version.epoch, version.seq, sealed, root.as_slice());
            created.await.map_err(failed)
        }
        .boxed()
    }

    fn update<'a>(
        &'a self,
        version: Version,
        expected_seq: i64,
        sealed: &'a [u8],
    ) -> BoxFuture<'a, Result<(), PlaceError>> {
        async move {
            let updated = self.0.update(version.epoch, expected_seq, version.seq, sealed);
            updated.await.map_err(failed)
        }
        .boxed()
    }

    fn destroy(&self, epoch: i64) -> BoxFuture<'_, Result<Vec<ReplicaResult>, PlaceError>> {
        async move {
            let detail = self.0.destroy(epoch).await.map_err(failed)?;
            Ok(vec![ReplicaResult { name: "database".into(), ok: true, detail }])
        }
        .boxed()
    }

    fn replicas(&self) -> BoxFuture<'_, Vec<ReplicaResult>> {
        async {
            let (ok, detail) = match self.0.head().await {
                Ok(Some((epoch, _))) => (true, format!("epoch {epoch}")),
                Ok(None) => (false, "holds no keyring".into()),
                Err(error) => (false, error.to_string()),
            };
            vec![ReplicaResult { name: "database".into(), ok, detail }]
        }
        .boxed()
    }
}
