//! A store in memory that can be made to fail, and what the vault makes of it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use bytes::Bytes;
use callvault::model::{Clock, Role};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::SignedDuration;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::harness::{ACME, Engine, Place, SUPPORT, TestVault, tone};

/// A store in memory with faults to switch on.
#[derive(Debug, Default)]
pub(crate) struct Faulty {
    inner: InMemory,
    away: AtomicBool,
    lies: AtomicBool,
    jump: Mutex<Option<(Clock, SignedDuration)>>,
}

impl Faulty {
    /// Every request fails, as when the store is away.
    pub(crate) fn be_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Deleting answers well and does nothing.
    pub(crate) fn lie_about_deleting(&self, lies: bool) {
        self.lies.store(lies, Ordering::SeqCst);
    }

    /// Sets a clock wrong at the moment the first object is deleted.
    pub(crate) fn jump_when_deleting(&self, clock: &Clock, by: SignedDuration) {
        *self.jump.lock().unwrap() = Some((clock.clone(), by));
    }

    fn check(&self) -> Result<()> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "faulty", source: "503 Slow Down".into() });
        }
        Ok(())
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        to: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.check()?;
        self.inner.put_opts(to, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.check()?;
        self.inner.put_multipart_opts(to, opts).await
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.check()?;
        self.inner.get_opts(from, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if let Err(error) = self.check() {
            return stream::iter([Err(error)]).boxed();
        }
        if let Some((clock, by)) = self.jump.lock().unwrap().take() {
            clock.jump(by);
        }
        if self.lies.load(Ordering::SeqCst) {
            return paths;
        }
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check() {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check()?;
        self.inner.copy_opts(from, to, options).await
    }
}

async fn faulty() -> (TestVault, std::sync::Arc<Faulty>) {
    let vault = TestVault::on(Engine::Sqlite, Place::Faulty).await;
    let faults = vault.faults.clone().unwrap();
    (vault, faults)
}

#[tokio::test]
async fn while_the_store_is_away_uploads_and_playback_answer_503_and_nothing_is_half_written() {
    let (vault, faults) = faulty().await;
    let audio = tone(1.0, 1);
    let kept = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    faults.be_away(true);

    let refused = vault.upload(ACME, &tone(1.0, 2)).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.code(), "store_unavailable");
    assert_eq!(refused.header("retry-after"), "5");
    let large = vault.upload(ACME, &tone(400.0, 2)).await;
    assert_eq!(large.status, StatusCode::SERVICE_UNAVAILABLE);
    let heard = vault.listen(&token, kept, "purpose=training").await;
    assert_eq!(
        heard.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "a status, not a body that breaks off"
    );
    let ready = vault.get("/readyz").send().await;
    assert_eq!(
        (ready.status, ready.json()["store"].as_bool()),
        (StatusCode::SERVICE_UNAVAILABLE, Some(false))
    );

    faults.be_away(false);
    let admin = vault.token(Role::CustomerAdmin).await;
    let list = vault.get("/v1/recordings").token(&admin).send().await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 0);
    assert_eq!(vault.upload(ACME, &tone(1.0, 2)).await.status, StatusCode::CREATED);
    assert_eq!(vault.listen(&token, kept, "purpose=training").await.body, audio);
}

#[tokio::test]
async fn erasing_goes_on_when_the_store_is_back() {
    let (vault, faults) = faulty().await;
    vault.recording(ACME, &tone(1.0, 1)).await;
    vault.advance_days(31);
    faults.be_away(true);
    let pass = vault.vault.erase_due().await.unwrap();
    assert_eq!((pass.erased, pass.unfinished), (0, 1));
    faults.be_away(false);
    vault.advance(jiff::SignedDuration::from_mins(10));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (vault, _) = faulty().await;
    let token = vault.token(Role::Ingest).await;
    for seconds in [1.0, 900.0] {
        let (kind, mut body) = crate::harness::form(SUPPORT, &tone(seconds, 1));
        body.truncate(body.len() * 9 / 10);
        let pieces = body.chunks(64 * 1024).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        let broken = pieces.chain(stream::iter([Err(std::io::Error::other("connection lost"))]));
        let answer = vault
            .post("/v1/recordings")
            .token(&token)
            .header("content-type", &kind)
            .body(axum::body::Body::from_stream(broken))
            .send()
            .await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::BAD_REQUEST, "cut"));
    }
    assert_eq!(vault.store.list().count().await, 0);
}

#[tokio::test]
async fn a_damaged_object_is_never_played() {
    let (vault, faults) = faulty().await;
    let audio = tone(20.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    let name = faults.inner.list(None).next().await.unwrap().unwrap().location;
    let whole =
        faults.inner.get_opts(&name, GetOptions::default()).await.unwrap().bytes().await.unwrap();
    for place in [80, 70_000, whole.len() - 1] {
        let mut damaged = whole.to_vec();
        damaged[place] ^= 1;
        let put = faults.inner.put_opts(&name, damaged.into(), PutOptions::default());
        put.await.unwrap();
        let heard = vault.listen(&token, id, "purpose=training").await;
        assert!(heard.status == StatusCode::INTERNAL_SERVER_ERROR || heard.cut);
        assert!(audio.starts_with(&heard.body) || heard.status.is_server_error());
    }
    let cut = whole.slice(..whole.len() - 20);
    faults.inner.put_opts(&name, cut.into(), PutOptions::default()).await.unwrap();
    let heard = vault.listen(&token, id, "purpose=training").await;
    assert!(heard.status.is_server_error() || heard.cut);
}
