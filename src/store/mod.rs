//! BYTES. Sealed objects in a local folder or in an S3-compatible bucket.
//!
//! An object is named `{first two hex digits}/{recording id}` and nothing else about it is told to
//! the store. What a store answers is not believed further than it goes: an accepted delete is no
//! proof of absence ([`Store::absent`] is), a conditional put no lock, and a versioned bucket keeps
//! what it seems to have deleted until each version is deleted by its own name.

mod buffer;
mod cached;
mod error;
mod files;
mod journal;
mod local;
mod name;
mod objects;
mod posture;
mod s3;
mod settings;
mod upload;
mod xml;

use std::fmt;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

pub use buffer::Buffer;
pub use error::Error;
pub use journal::JournalObject;
pub use name::Listed;
pub use objects::Absence;
pub use posture::{Posture, Versioning};
pub use settings::Settings;
pub use upload::Upload;

use local::Folder;
use s3::Bucket;

/// Where the objects are.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    /// What all names begin with, within the bucket.
    prefix: Path,
    kind: Kind,
}

/// What can be done beside what every object store can.
enum Kind {
    /// Files of this machine.
    Folder(Folder),
    /// An S3 bucket.
    Bucket(Box<Bucket>),
    /// Nothing more.
    Plain,
}

impl Store {
    /// The store over these objects. For tests, and for stores that no setting names.
    #[must_use]
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self::new(objects, Path::default(), Kind::Plain)
    }

    fn new(objects: Arc<dyn ObjectStore>, prefix: Path, kind: Kind) -> Self {
        Self(Arc::new(Inner { objects, prefix, kind }))
    }
}

impl Store {
    /// What sort of store it is, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.0.kind {
            Kind::Folder(_) => "folder",
            Kind::Bucket(_) => "bucket",
            Kind::Plain => "objects",
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            Kind::Folder(_) => "Store(folder)",
            Kind::Bucket(_) => "Store(bucket)",
            Kind::Plain => "Store(objects)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RecordingId;

    fn runs_anywhere<T: Send>(_: T) {}

    #[tokio::test]
    async fn every_request_can_be_made_from_any_thread() {
        let settings = Settings { url: "memory:".into(), ..Settings::default() };
        let store = Store::open(&settings).unwrap();
        let ids = [RecordingId::random()];
        runs_anywhere(store.delete(&ids));
        runs_anywhere(store.absent(&ids));
        runs_anywhere(store.posture());
        runs_anywhere(store.probe());
        runs_anywhere(store.begin(ids[0]));
        runs_anywhere(store.sweep_unfinished(crate::model::Clock::system().now()));
        runs_anywhere(store.begin(ids[0]).await.unwrap().finish());
    }
}
