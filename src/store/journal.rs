//! The objects of the wrap journal, beside the audio: `{prefix}/journal/{random}`.
//!
//! They are no recordings and no list of those names them.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use super::error::Error;
use super::{Kind, Store};

const FOLDER: &str = "journal";

/// An object of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JournalObject {
    /// Its random name.
    pub name: Uuid,
    /// Its size.
    pub size: u64,
}

/// Whether an object is one of the journal.
pub(super) fn is_journal(prefix: &Path, location: &Path) -> bool {
    location.prefix_matches(&prefix.clone().join(FOLDER))
}

impl Store {
    fn journal(&self) -> Path {
        self.0.prefix.clone().join(FOLDER)
    }

    fn journal_path(&self, name: Uuid) -> Path {
        self.journal().join(name.to_string())
    }

    /// Adds an object to the journal, durably.
    pub async fn append_journal(&self, object: Vec<u8>) -> Result<(), Error> {
        let path = self.journal_path(Uuid::new_v4());
        self.0.objects.put(&path, Bytes::from(object).into()).await?;
        Ok(())
    }

    /// Every object of the journal, in no order.
    #[must_use]
    pub fn list_journal(&self) -> BoxStream<'static, Result<JournalObject, Error>> {
        let listed = self.0.objects.list(Some(&self.journal()));
        listed
            .filter_map(async |meta| match meta {
                Ok(meta) => {
                    let name = meta.location.filename()?.parse().ok()?;
                    Some(Ok(JournalObject { name, size: meta.size }))
                }
                Err(object_store::Error::NotFound { .. }) => None,
                Err(error) => Some(Err(error.into())),
            })
            .boxed()
    }

    /// Reads an object of the journal.
    pub async fn read_journal(&self, name: Uuid) -> Result<Bytes, Error> {
        Ok(self.0.objects.get(&self.journal_path(name)).await?.bytes().await?)
    }

    /// Reads the first bytes of an object of the journal.
    pub async fn read_journal_head(&self, name: Uuid, len: u64) -> Result<Bytes, Error> {
        Ok(self.0.objects.get_range(&self.journal_path(name), 0..len).await?)
    }

    /// Takes an object out of the journal, with all its versions.
    pub async fn drop_journal(&self, name: Uuid) -> Result<(), Error> {
        let path = self.journal_path(name);
        match self.0.objects.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Kind::Bucket(bucket) = &self.0.kind
            && bucket.versioning().await?.keeps()
        {
            bucket.purge(&path).await?;
        }
        Ok(())
    }
}
