//! Files beside the recordings: what the ledger exports, below `{prefix}/ledger/`.
//!
//! They are no objects: no list of those shows them, nothing here is sealed, and nothing in them
//! is personal.

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::Store;
use super::error::Error;
use super::journal::is_journal;

/// The folder of the files.
const FOLDER: &str = "ledger";

impl Store {
    fn folder(&self) -> Path {
        self.0.prefix.clone().join(FOLDER)
    }

    fn file(&self, name: &str) -> Path {
        name.split('/').fold(self.folder(), Path::join)
    }

    /// Whether something is one of these files or of the journal, and so no recording.
    pub(super) fn is_beside(&self, location: &Path) -> bool {
        location.prefix_matches(&self.folder()) || is_journal(&self.0.prefix, location)
    }

    /// Writes a file, durably, in the place of one that has its name.
    pub async fn put_file(&self, name: &str, bytes: impl Into<Bytes>) -> Result<(), Error> {
        let payload = PutPayload::from_bytes(bytes.into());
        self.0.objects.put(&self.file(name), payload).await?;
        Ok(())
    }

    /// A whole file, if it is there.
    pub async fn read_file(&self, name: &str) -> Result<Option<Bytes>, Error> {
        match self.0.objects.get(&self.file(name)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a file away. One that is not there is no error.
    pub async fn drop_file(&self, name: &str) -> Result<(), Error> {
        match self.0.objects.delete(&self.file(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of the files below a folder, in no order.
    pub async fn files(&self, below: &str) -> Result<Vec<String>, Error> {
        let root = self.folder();
        let found: Vec<_> = self.0.objects.list(Some(&self.file(below))).try_collect().await?;
        let name = |location: &Path| {
            let parts: Vec<_> = location.prefix_match(&root)?.collect();
            Some(parts.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/"))
        };
        Ok(found.iter().filter_map(|meta| name(&meta.location)).collect())
    }

    /// The folders right below the one of all files.
    pub async fn folders(&self) -> Result<Vec<String>, Error> {
        let found = self.0.objects.list_with_delimiter(Some(&self.folder())).await?;
        Ok(found
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::super::Settings;
    use super::*;
    use crate::model::RecordingId;

    #[tokio::test]
    async fn files_are_kept_beside_the_objects_and_no_list_of_objects_shows_them() {
        let dir = tempfile::tempdir().unwrap();
        for url in ["memory:".to_owned(), format!("file:{}", dir.path().display())] {
            let store = Store::open(&Settings { url, ..Settings::default() }).unwrap();
            assert_eq!(store.folders().await.unwrap(), Vec::<String>::new());
            let id = RecordingId::random();
            store.put(id, vec![Bytes::from_static(b"sealed")]).await.unwrap();
            for name in ["a/tile/0/x001/000.p/7", "a/checkpoint", "b/checkpoint"] {
                store.put_file(name, name.to_owned()).await.unwrap();
                assert_eq!(store.read_file(name).await.unwrap().unwrap(), name);
            }
            let listed: Vec<_> = store.list().map(|listed| listed.unwrap().id).collect().await;
            assert_eq!(listed, [Some(id)]);
            let mut folders = store.folders().await.unwrap();
            folders.sort();
            assert_eq!(folders, ["a", "b"]);
            assert_eq!(store.files("a/tile").await.unwrap(), ["a/tile/0/x001/000.p/7"]);
            store.drop_file("b/checkpoint").await.unwrap();
            store.drop_file("b/checkpoint").await.unwrap();
            assert_eq!(store.read_file("b/checkpoint").await.unwrap(), None);
        }
    }
}
