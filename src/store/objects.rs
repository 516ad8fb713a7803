//! Writing, reading and erasing objects.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use uuid::Uuid;

use crate::model::RecordingId;

use super::buffer::Buffer;
use super::error::Error;
use super::name::{self, Listed};
use super::upload::Upload;
use super::{Kind, Store};

/// The most names in one bulk request; what S3 takes.
const BULK: usize = 1_000;

const CONFUSED: &str = "the store answered for an object it was not asked about";

/// How many objects are asked about at once.
const ASKING: usize = 32;

/// Whether an object is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It is: the store was asked and has neither it nor a version of it.
    Absent,
    /// It is there.
    Present,
    /// It cannot be read by its name any more, but the bucket keeps versions of it.
    VersionsRemain,
}

impl Store {
    fn path(&self, id: RecordingId) -> Path {
        name::path(&self.0.prefix, id)
    }

    /// Writes an object, durably.
    pub async fn put(&self, id: RecordingId, object: Vec<Bytes>) -> Result<(), Error> {
        let payload = object.into_iter().collect::<PutPayload>();
        self.0.objects.put(&self.path(id), payload).await?;
        Ok(())
    }

    /// Begins to write an object part by part.
    pub async fn begin(&self, id: RecordingId) -> Result<Upload, Error> {
        Ok(Upload::new(self.0.objects.put_multipart(&self.path(id)).await?))
    }

    /// Reads a window of an object.
    pub async fn read(&self, id: RecordingId, range: Range<u64>) -> Result<Bytes, Error> {
        self.read_with(id, range, Bytes::from_owner).await
    }

    /// Reads a window of an object and hands it to `work`.
    ///
    /// With files both happen in one blocking job: a hop between threads costs as much as opening
    /// a segment.
    pub async fn read_with<T: Send + 'static>(
        &self,
        id: RecordingId,
        range: Range<u64>,
        work: impl FnOnce(Buffer) -> T + Send + 'static,
    ) -> Result<T, Error> {
        if let Kind::Folder(folder) = &self.0.kind {
            return folder.read(id, range, work).await;
        }
        let wanted = range.end.saturating_sub(range.start);
        let bytes = self.0.objects.get_range(&self.path(id), range).await?;
        // Some stores cut a window at the end of the object and call it whole.
        let whole = u64::try_from(bytes.len()).is_ok_and(|len| len == wanted);
        if whole { Ok(work(Vec::from(bytes).into())) } else { Err(Error::Unfaithful) }
    }

    /// The size of an object, if it is there.
    pub async fn size(&self, id: RecordingId) -> Result<Option<u64>, Error> {
        match self.0.objects.head(&self.path(id)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes objects, with all their versions, and says of each how that went.
    ///
    /// An object that is not there is deleted. `Ok` is what the store says; [`Store::absent`] is
    /// the proof.
    pub async fn delete(&self, ids: &[RecordingId]) -> Vec<(RecordingId, Result<(), Error>)> {
        if let Kind::Folder(folder) = &self.0.kind {
            return folder.delete(ids).await;
        }
        let mut done = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(BULK) {
            // The client panics when the store answers for an object that it was not asked about.
            let answered = AssertUnwindSafe(self.delete_chunk(chunk)).catch_unwind().await;
            done.extend(answered.unwrap_or_else(|_| {
                let confused = |id: &RecordingId| (*id, Err(Error::other(CONFUSED)));
                chunk.iter().map(confused).collect()
            }));
        }
        if let Kind::Bucket(bucket) = &self.0.kind {
            done = bucket.purge_versions(done, &self.0.prefix).await;
        }
        done
    }

    async fn delete_chunk(&self, ids: &[RecordingId]) -> Vec<(RecordingId, Result<(), Error>)> {
        let mut open: BTreeMap<Path, RecordingId> =
            ids.iter().map(|id| (self.path(*id), *id)).collect();
        let paths: Vec<_> = open.keys().cloned().map(Ok).collect();
        let mut answers = self.0.objects.delete_stream(stream::iter(paths).boxed());
        let mut done = Vec::with_capacity(ids.len());
        let mut errors = Vec::new();
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(path) => done.extend(open.remove(&path).map(|id| (id, Ok(())))),
                Err(object_store::Error::NotFound { path, .. }) => {
                    let gone = open.remove(&Path::from(path));
                    done.extend(gone.map(|id| (id, Ok(()))));
                }
                Err(error) => errors.push(error),
            }
        }
        // An error tells in its text which object it is about; one that tells none or many is about
        // all that were not answered.
        let mut last = Error::other("the store did not answer for it");
        for error in errors {
            let text = error.to_string();
            let mut named = open.keys().filter(|path| text.contains(path.as_ref()));
            let about = named.next().cloned().filter(|_| named.next().is_none());
            match about.and_then(|path| open.remove(&path)) {
                Some(id) => done.push((id, Err(error.into()))),
                None => last = error.into(),
            }
        }
        done.extend(open.into_values().map(|id| (id, Err(last.again()))));
        done
    }

    /// Asks the store again whether objects are gone (I4), and says so of each.
    pub async fn absent(&self, ids: &[RecordingId]) -> Vec<(RecordingId, Result<Absence, Error>)> {
        if let Kind::Folder(folder) = &self.0.kind {
            return folder.absent(ids).await;
        }
        let asked = stream::iter(ids.to_vec()).map(|id| {
            let store = self.clone();
            async move {
                let absence = |size: Option<u64>| match size {
                    Some(_) => Absence::Present,
                    None => Absence::Absent,
                };
                (id, store.size(id).await.map(absence))
            }
        });
        let seen = asked.buffer_unordered(ASKING).collect().await;
        match &self.0.kind {
            Kind::Bucket(bucket) => bucket.look_for_versions(seen, &self.0.prefix).await,
            Kind::Folder(_) | Kind::Plain => seen,
        }
    }

    /// Every object but those of the wrap journal, in no order, but what lies in one folder together.
    #[must_use]
    pub fn list(&self) -> BoxStream<'static, Result<Listed, Error>> {
        let prefix = self.0.prefix.clone();
        let within = (prefix != Path::default()).then_some(&self.0.prefix);
        let store = self.clone();
        let objects = self.0.objects.list(within).filter_map(move |meta| {
            let ours = meta.map_err(Error::from).map(|meta| {
                (!store.is_beside(&meta.location)).then(|| Listed::new(&prefix, &meta))
            });
            std::future::ready(ours.transpose())
        });
        objects.boxed()
    }

    /// Writes, reads back and deletes an object of its own: whether the store does what it is for.
    pub async fn probe(&self) -> Result<(), Error> {
        let path = self.0.prefix.clone().join("probe").join(Uuid::new_v4().to_string());
        let objects = &self.0.objects;
        let content = Bytes::copy_from_slice(path.as_ref().as_bytes());
        objects.put(&path, content.clone().into()).await?;
        let read = objects.get_range(&path, 0..content.len() as u64).await;
        objects.delete(&path).await?;
        if let Kind::Bucket(bucket) = &self.0.kind {
            // Probes would fill a bucket that keeps versions.
            if bucket.versioning().await?.keeps() {
                bucket.purge(&path).await?;
            }
        }
        let gone = matches!(objects.head(&path).await, Err(object_store::Error::NotFound { .. }));
        if read? == content && gone { Ok(()) } else { Err(Error::Unfaithful) }
    }
}
