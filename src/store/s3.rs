//! What a bucket needs beside what every object store can: versions, unfinished uploads, posture.
//!
//! The client signs an address for each of these requests with its own credentials; it is then
//! called as it is.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::model::{RecordingId, Timestamp};

use super::error::Error;
use super::name;
use super::objects::Absence;
use super::posture::{Posture, Versioning};
use super::xml;

/// How long a signed address is good for.
const SIGNED_FOR: Duration = Duration::from_mins(1);

/// How often a request is made before the store counts as away, and the pause before the second.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// How many objects are asked about at once.
const ASKING: usize = 16;

type Query<'q> = &'q [(&'q str, &'q str)];
type Done<T> = Vec<(RecordingId, Result<T, Error>)>;

/// A bucket.
#[derive(Clone)]
pub(super) struct Bucket {
    signer: Arc<AmazonS3>,
    http: reqwest::Client,
}

impl Bucket {
    pub(super) fn new(signer: Arc<AmazonS3>, timeout: Duration) -> Result<Self, Error> {
        let http = reqwest::Client::builder().timeout(timeout).build()?;
        Ok(Self { signer, http })
    }

    /// Makes one request. A store that is busy is asked again.
    async fn call(&self, method: &Method, path: &Path, query: Query<'_>) -> Result<Answer, Error> {
        let options = SignedUrlOptions::default().with_query(query.iter().copied());
        let mut tries = 0;
        loop {
            let url =
                self.signer.signed_url_opts(method.clone(), path, SIGNED_FOR, &options).await?;
            let answer = match self.http.request(method.clone(), url).send().await {
                Ok(response) => Answer::of(response).await,
                Err(error) => Err(error.into()),
            };
            tries += 1;
            match answer {
                Err(Error::Unavailable(_)) if tries < TRIES => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                }
                other => return other,
            }
        }
    }

    /// Asks the bucket for a part of its configuration; `None` when it does not have or know it. A
    /// bucket that is not there is an error: in it everything would seem to be absent.
    async fn ask<T: DeserializeOwned + Default>(&self, what: &str) -> Result<Option<T>, Error> {
        let answer = self.call(&Method::GET, &Path::default(), &[(what, "")]).await?;
        match answer.status {
            status if status.is_success() => answer.read().map(Some),
            StatusCode::NOT_FOUND if answer.text.contains("NoSuchBucket") => {
                Err(answer.into_error())
            }
            StatusCode::NOT_FOUND
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::BAD_REQUEST
            | StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            _ => Err(answer.into_error()),
        }
    }

    /// Whether the bucket keeps versions.
    pub(super) async fn versioning(&self) -> Result<Versioning, Error> {
        let found: Option<xml::VersioningConfiguration> = self.ask("versioning").await?;
        Ok(match found.map(|found| found.status) {
            None => Versioning::Unsupported,
            Some(None) => Versioning::Off,
            Some(Some(status)) if status == "Suspended" => Versioning::Suspended,
            // A word that is not known is taken for the worse.
            Some(Some(_)) => Versioning::On,
        })
    }

    pub(super) async fn posture(&self) -> Result<Posture, Error> {
        let versioning = self.versioning().await?;
        let lock: Option<xml::ObjectLock> = unless_refused(self.ask("object-lock").await)?;
        let lifecycle: Option<xml::Lifecycle> = unless_refused(self.ask("lifecycle").await)?;
        let replication: Option<serde::de::IgnoredAny> =
            unless_refused(self.ask::<Anything>("replication").await)?.map(|found| found.0);
        let has = |what: fn(&xml::Rule) -> bool| {
            let rules = lifecycle.as_ref().map(|lifecycle| lifecycle.rules.iter());
            rules.map(|mut rules| rules.any(|rule| rule.status == "Enabled" && what(rule)))
        };
        Ok(Posture {
            versioning,
            lock: Some(lock.is_some_and(|lock| lock.object_lock_enabled.is_some())),
            location: self.location().await?,
            drops_unfinished: has(|rule| rule.abort_incomplete_multipart_upload.is_some()),
            expires: has(|rule| rule.expiration.is_some()),
            replicated: Some(replication.is_some()),
        })
    }

    /// Where the bucket is: what it says in its head, else what it says when asked.
    async fn location(&self) -> Result<Option<String>, Error> {
        let head = self.call(&Method::HEAD, &Path::default(), &[]).await?;
        if let Some(region) = head.region {
            return Ok(Some(region));
        }
        let found: Option<xml::Location> = unless_refused(self.ask("location").await)?;
        Ok(found.and_then(|found| found.name).filter(|name| !name.is_empty()))
    }

    /// Every version and delete marker of one object.
    async fn versions(&self, path: &Path) -> Result<Vec<xml::Version>, Error> {
        let mut found = Vec::new();
        let mut marker = (String::new(), String::new());
        loop {
            let mut query = vec![("versions", ""), ("prefix", path.as_ref())];
            if !marker.0.is_empty() {
                query.extend([("key-marker", marker.0.as_str())]);
            }
            if !marker.1.is_empty() {
                query.extend([("version-id-marker", marker.1.as_str())]);
            }
            let answer = self.call(&Method::GET, &Path::default(), &query).await?;
            let page: xml::ListVersions = answer.succeeded()?.read()?;
            let all = page.versions.into_iter().chain(page.markers);
            found.extend(all.filter(|version| version.key == path.as_ref()));
            let next = (
                page.next_key_marker.unwrap_or_default(),
                page.next_version_id_marker.unwrap_or_default(),
            );
            if !page.is_truncated || next == marker {
                return Ok(found);
            }
            marker = next;
        }
    }

    /// Of what is gone by its name, says whether versions of it remain.
    pub(super) async fn look_for_versions(
        &self,
        seen: Done<Absence>,
        prefix: &Path,
    ) -> Done<Absence> {
        let open = |absence| absence == Absence::Absent;
        let (mut settled, asked) = self.if_versioned(seen, open).await;
        let answers = stream::iter(asked).map(|id| {
            let (bucket, path) = (self.clone(), name::path(prefix, id));
            async move {
                let remaining = bucket.versions(&path).await;
                let absence = |versions: Vec<_>| {
                    if versions.is_empty() { Absence::Absent } else { Absence::VersionsRemain }
                };
                (id, remaining.map(absence))
            }
        });
        settled.extend(answers.buffer_unordered(ASKING).collect::<Vec<_>>().await);
        settled
    }

    /// Deletes every version of what was deleted, if the bucket keeps any.
    pub(super) async fn purge_versions(&self, done: Done<()>, prefix: &Path) -> Done<()> {
        let (mut settled, asked) = self.if_versioned(done, |()| true).await;
        let answers = stream::iter(asked).map(|id| {
            let (bucket, path) = (self.clone(), name::path(prefix, id));
            async move { (id, bucket.purge(&path).await) }
        });
        settled.extend(answers.buffer_unordered(ASKING).collect::<Vec<_>>().await);
        settled
    }

    /// Deletes every version and delete marker of one object.
    pub(super) async fn purge(&self, path: &Path) -> Result<(), Error> {
        for version in self.versions(path).await? {
            let query = [("versionId", version.version_id.as_str())];
            let answer = self.call(&Method::DELETE, path, &query).await?;
            if answer.status != StatusCode::NOT_FOUND {
                answer.succeeded()?;
            }
        }
        Ok(())
    }

    /// Takes apart what is settled and what more must be asked about: in a bucket that keeps
    /// versions, every result that is `open`.
    ///
    /// Versioning can be switched on at any time, so the bucket is asked for every batch.
    async fn if_versioned<T: Copy>(
        &self,
        done: Done<T>,
        open: impl Fn(T) -> bool,
    ) -> (Done<T>, Vec<RecordingId>) {
        let is_open =
            |(_, result): &(_, Result<T, Error>)| result.as_ref().is_ok_and(|value| open(*value));
        let (asked, mut settled): (Done<T>, Done<T>) = done.into_iter().partition(is_open);
        if asked.is_empty() {
            return (settled, Vec::new());
        }
        match self.versioning().await {
            Ok(versioning) if versioning.keeps() => {
                (settled, asked.into_iter().map(|(id, _)| id).collect())
            }
            Ok(_) => {
                settled.extend(asked);
                (settled, Vec::new())
            }
            Err(error) => {
                // Whether versions remain is not known, so nothing is known to be gone.
                let why = error.to_string();
                let unknown = |(id, _)| (id, Err(Error::Unavailable(why.clone().into())));
                settled.extend(asked.into_iter().map(unknown));
                (settled, Vec::new())
            }
        }
    }

    /// Aborts uploads that were begun before this.
    pub(super) async fn sweep(&self, prefix: &Path, older_than: Timestamp) -> Result<u64, Error> {
        let mut swept = 0;
        let mut marker = (String::new(), String::new());
        loop {
            let mut query = vec![("uploads", ""), ("prefix", prefix.as_ref())];
            if !marker.0.is_empty() {
                query.extend([("key-marker", marker.0.as_str())]);
                query.extend([("upload-id-marker", marker.1.as_str())]);
            }
            let answer = self.call(&Method::GET, &Path::default(), &query).await?;
            if answer.status == StatusCode::NOT_IMPLEMENTED {
                return Ok(swept);
            }
            let page: xml::ListUploads = answer.succeeded()?.read()?;
            for upload in page.uploads {
                // A time that cannot be read is not old.
                let old = upload.initiated.parse().is_ok_and(|begun: Timestamp| begun < older_than);
                if old {
                    let path = Path::parse(&upload.key).map_err(Error::other)?;
                    let query = [("uploadId", upload.upload_id.as_str())];
                    let answer = self.call(&Method::DELETE, &path, &query).await?;
                    if answer.status != StatusCode::NOT_FOUND {
                        answer.succeeded()?;
                        swept += 1;
                    }
                }
            }
            let next = (
                page.next_key_marker.unwrap_or_default(),
                page.next_upload_id_marker.unwrap_or_default(),
            );
            if !page.is_truncated || next == marker {
                return Ok(swept);
            }
            marker = next;
        }
    }
}

/// What a bucket does not want to tell is not known; that is no reason to fail.
fn unless_refused<T>(asked: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match asked {
        Err(Error::Denied(_)) => Ok(None),
        other => other,
    }
}

/// Something of whatever content.
#[derive(serde::Deserialize)]
struct Anything(serde::de::IgnoredAny);

impl Default for Anything {
    fn default() -> Self {
        Self(serde::de::IgnoredAny)
    }
}

/// An answer of the store.
struct Answer {
    status: StatusCode,
    region: Option<String>,
    text: String,
}

impl Answer {
    async fn of(response: Response) -> Result<Self, Error> {
        let status = response.status();
        let region = response.headers().get("x-amz-bucket-region");
        let region = region.and_then(|region| region.to_str().ok()).map(str::to_owned);
        let text = response.text().await?;
        let busy = matches!(status.as_u16(), 408 | 429 | 500 | 502..=599);
        if busy {
            Err(Error::answered(status.as_u16(), &text))
        } else {
            Ok(Self { status, region, text })
        }
    }

    fn succeeded(self) -> Result<Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.into_error()) }
    }

    fn into_error(self) -> Error {
        Error::answered(self.status.as_u16(), &self.text)
    }

    fn read<T: DeserializeOwned + Default>(&self) -> Result<T, Error> {
        if self.text.trim().is_empty() {
            return Ok(T::default());
        }
        quick_xml::de::from_str(&self.text).map_err(Error::other)
    }
}
