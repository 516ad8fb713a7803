//! A store that fails in the ways stores do.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callvault::model::RecordingId;
use callvault::store::{Absence, Error, Store};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::content;

/// What is the matter with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is too busy.
    SlowDown,
    /// It does not answer in time.
    TimedOut,
    /// Its disk is full.
    Full,
    /// It lets nobody in.
    Denied,
    /// It says that it deleted, and did not.
    KeepsDeleted,
    /// It answers reads with less than was asked for.
    CutsReads,
}

impl Fault {
    fn error(self) -> object_store::Error {
        let kind = match self {
            Self::TimedOut => io::ErrorKind::TimedOut,
            Self::Full => io::ErrorKind::StorageFull,
            Self::Denied => io::ErrorKind::PermissionDenied,
            _ => {
                let text = "Server returned non-2xx status code: 503: <Code>SlowDown</Code>";
                return object_store::Error::Generic { store: "faulty", source: text.into() };
            }
        };
        object_store::Error::Generic { store: "faulty", source: io::Error::from(kind).into() }
    }

    fn fails_requests(self) -> bool {
        !matches!(self, Self::KeepsDeleted | Self::CutsReads)
    }
}

/// A store in memory that fails while it is switched to.
#[derive(Debug)]
struct Faulty {
    inner: InMemory,
    fault: Fault,
    broken: AtomicBool,
}

impl Faulty {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { inner: InMemory::new(), fault, broken: AtomicBool::new(false) })
    }

    fn set(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault && self.broken.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<()> {
        let fails = self.broken.load(Ordering::SeqCst) && self.fault.fails_requests();
        if fails { Err(self.fault.error()) } else { Ok(()) }
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, object: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.check()?;
        self.inner.put_opts(at, object, how).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        how: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check()?;
        self.inner.put_multipart_opts(at, how).await
    }

    async fn get_opts(&self, at: &Path, mut how: GetOptions) -> Result<GetResult> {
        self.check()?;
        if self.is(Fault::CutsReads) && !how.head {
            how.range = Some((0..1).into());
        }
        self.inner.get_opts(at, how).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if self.is(Fault::KeepsDeleted) {
            return paths;
        }
        match self.check() {
            // As one request for all of them fails.
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
            Ok(()) => self.inner.delete_stream(paths),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, how).await
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::NotFound(_) => "not found",
        Error::Unavailable(_) => "unavailable",
        Error::Full(_) => "full",
        Error::Denied(_) => "denied",
        Error::Settings { .. } => "settings",
        Error::Unfaithful => "unfaithful",
        Error::Other(_) => "other",
    }
}

#[tokio::test]
async fn every_request_says_what_is_the_matter() {
    for (fault, expected) in [
        (Fault::SlowDown, "unavailable"),
        (Fault::TimedOut, "unavailable"),
        (Fault::Full, "full"),
        (Fault::Denied, "denied"),
    ] {
        let faulty = Faulty::new(fault);
        let store = Store::over(faulty.clone());
        let (id, other) = (RecordingId::random(), RecordingId::random());
        store.put(id, vec![content(10)]).await.unwrap();
        faulty.set(true);
        let put = store.put(other, vec![content(10)]).await.unwrap_err();
        let begun = store.begin(other).await.err().unwrap();
        let read = store.read(id, 0..1).await.unwrap_err();
        let size = store.size(id).await.unwrap_err();
        let probe = store.probe().await.unwrap_err();
        let kinds = [&put, &begun, &read, &size, &probe].map(kind);
        assert_eq!(kinds, [expected; 5], "{fault:?}");
        // One failed request is about every object in it.
        let deleted = store.delete(&[id, other]).await;
        let failed: Vec<_> = deleted.iter().map(|(_, r)| kind(r.as_ref().unwrap_err())).collect();
        assert_eq!(failed, [expected; 2], "{fault:?}");
        let seen = store.absent(&[id, other]).await;
        assert!(seen.iter().all(|(_, r)| kind(r.as_ref().unwrap_err()) == expected), "{seen:?}");
        // It was away, and nothing else is the matter.
        faulty.set(false);
        assert_eq!(store.read(id, 0..10).await.unwrap(), content(10));
        assert_eq!(store.size(other).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_accepted_delete_is_no_proof_of_absence() {
    let faulty = Faulty::new(Fault::KeepsDeleted);
    let store = Store::over(faulty.clone());
    let id = RecordingId::random();
    store.put(id, vec![content(10)]).await.unwrap();
    faulty.set(true);
    assert!(matches!(store.delete(&[id]).await.as_slice(), [(_, Ok(()))]));
    assert!(matches!(store.absent(&[id]).await.as_slice(), [(_, Ok(Absence::Present))]));
    assert!(matches!(store.probe().await, Err(Error::Unfaithful)));
    faulty.set(false);
    store.delete(&[id]).await;
    assert!(matches!(store.absent(&[id]).await.as_slice(), [(_, Ok(Absence::Absent))]));
}

#[tokio::test]
async fn a_read_that_was_cut_is_no_read() {
    let faulty = Faulty::new(Fault::CutsReads);
    let store = Store::over(faulty.clone());
    let id = RecordingId::random();
    store.put(id, vec![content(10)]).await.unwrap();
    faulty.set(true);
    assert!(matches!(store.read(id, 0..10).await, Err(Error::Unfaithful)));
    assert!(matches!(store.probe().await, Err(Error::Unfaithful)));
}
