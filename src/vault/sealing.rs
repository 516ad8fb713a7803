//! From plain bytes to a sealed object in the store: hashed, sealed and sent part by part.
//!
//! A part is sealed in one blocking job that hashes and seals while the bytes are in cache; at
//! most a few parts are in memory, whatever the size of the recording.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::error::Error;
use crate::crypto::{self, Context, Dek, Kind, SEGMENT, Sealer, object_len};
use crate::ledger::ciphertext::{self, Tree};
use crate::model::{ControllerId, RecordingId};
use crate::store::{Store, Upload};

/// How much is sealed and sent at once: 5 MiB, the smallest part S3 takes, in whole segments.
pub(super) const PART: usize = 80 * SEGMENT;

/// What is known of an object once its last byte is sealed.
pub(super) struct Sealed {
    pub(super) context: Context,
    sealer: Sealer,
    /// Bytes of plaintext.
    pub(super) len: u64,
    /// SHA-256 of the plaintext. Never stored in clear: it would confirm content after erasure.
    pub(super) digest: [u8; 32],
    /// The tree over the object as the store has it.
    pub(super) tree: Tree,
}

impl Sealed {
    pub(super) fn dek(&self) -> &Dek {
        self.sealer.dek()
    }

    pub(super) fn salt(&self) -> &[u8; 32] {
        self.sealer.salt()
    }

    pub(super) fn commitment(&self) -> &[u8; 32] {
        self.sealer.commitment()
    }
}

/// An object under way.
pub(super) struct Sealing {
    context: Context,
    upload: Upload,
    /// Away only while a job works with it.
    work: Option<Work>,
    buffers: Buffers,
    len: u64,
    /// Its place among the large uploads, kept until it is done.
    _place: OwnedSemaphorePermit,
}

/// The buffers of the sealed parts of one object, used again as soon as the store is done with
/// them.
///
/// Freed and allocated anew on ever other threads, they would pile up in the allocator.
#[derive(Clone, Default)]
struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// A buffer that comes back by itself.
struct Lent {
    bytes: Vec<u8>,
    home: Buffers,
}

impl Buffers {
    fn take(&self, capacity: u64) -> Vec<u8> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| Vec::with_capacity(usize::try_from(capacity).unwrap_or(0)))
    }

    fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, home: self.clone() })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

/// What seals and hashes; moved into each job and back.
struct Work {
    sealer: Sealer,
    hash: Sha256,
    tree: ciphertext::Hasher,
    started: bool,
}

/// Draws a new identity for an object: a writer that starts again never reuses one.
pub(super) fn context(controller: ControllerId) -> Context {
    Context { controller, recording: RecordingId::random(), kind: Kind::Audio }
}

/// Seals a whole small recording. Blocking.
pub(super) fn seal_whole(context: Context, plain: &[u8]) -> Result<(Sealed, Bytes), crypto::Error> {
    let mut work = Work::begin(context)?;
    let capacity = usize::try_from(object_len(plain.len() as u64)).unwrap_or(0);
    let mut object = Vec::with_capacity(capacity);
    work.seal(plain, true, &mut object)?;
    Ok((work.finish(context, plain.len() as u64), object.into()))
}

impl Sealing {
    /// Starts an object in the store.
    pub(super) async fn begin(
        store: &Store,
        context: Context,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, Error> {
        let work = Work::begin(context)?;
        let upload = store.begin(context.recording).await?;
        let buffers = Buffers::default();
        Ok(Self { context, upload, work: Some(work), buffers, len: 0, _place: place })
    }

    /// Which recording this becomes.
    pub(super) fn context(&self) -> Context {
        self.context
    }

    /// Seals and sends a part of [`PART`] bytes and gives its buffer back, emptied.
    pub(super) async fn part(&mut self, plain: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.send(plain, false).await
    }

    async fn send(&mut self, plain: Vec<u8>, last: bool) -> Result<Vec<u8>, Error> {
        let mut work = self.work.take().ok_or(crypto::Error::Open)?;
        self.len += plain.len() as u64;
        let mut sealed = self.buffers.take(crypto::object_len(PART as u64));
        let job = tokio::task::spawn_blocking(move || {
            work.seal(&plain, last, &mut sealed)?;
            Ok::<_, crypto::Error>((work, plain, sealed))
        });
        let (work, mut plain, sealed) = job.await??;
        self.work = Some(work);
        self.upload.part(self.buffers.lend(sealed)).await?;
        plain.clear();
        Ok(plain)
    }

    /// Seals and sends what is left, however little, and makes the object durable.
    pub(super) async fn finish(mut self, rest: Vec<u8>) -> Result<Sealed, Error> {
        self.send(rest, true).await?;
        let work = self.work.take().ok_or(crypto::Error::Open)?;
        self.upload.finish().await?;
        Ok(work.finish(self.context, self.len))
    }

    /// Gives up: nothing of the object stays.
    pub(super) async fn abort(self) {
        self.upload.abort().await;
    }
}

impl Work {
    fn begin(context: Context) -> Result<Self, crypto::Error> {
        let (hash, tree) = (Sha256::new(), ciphertext::Hasher::default());
        Ok(Self { sealer: Sealer::begin(context)?, hash, tree, started: false })
    }

    fn seal(
        &mut self,
        plain: &[u8],
        last: bool,
        object: &mut Vec<u8>,
    ) -> Result<(), crypto::Error> {
        let start = object.len();
        if !self.started {
            object.extend_from_slice(self.sealer.header());
            self.started = true;
        }
        self.hash.update(plain);
        self.sealer.seal(plain, last, object)?;
        self.tree.update(object.get(start..).unwrap_or_default());
        Ok(())
    }

    fn finish(self, context: Context, len: u64) -> Sealed {
        let (digest, tree) = (self.hash.finalize().into(), self.tree.finish());
        Sealed { context, len, digest, tree, sealer: self.sealer }
    }
}
