//! How a store is named and opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use zeroize::Zeroizing;

use super::error::Error;
use super::local::Folder;
use super::s3::Bucket;
use super::{Kind, Store};

/// Where the store is and how to get in. It has no `Debug`: it holds a secret.
#[derive(Clone)]
pub struct Settings {
    /// `file:path`, `s3://bucket/prefix`, or `memory:` for tests.
    pub url: String,
    /// The address of an S3 server that is not Amazon's.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: Option<String>,
    /// The name of the access key; without one, the machine's own role is used.
    pub access_key_id: Option<String>,
    /// The secret of the access key.
    pub secret_access_key: Option<Zeroizing<String>>,
    /// Whether the endpoint may be `http:`.
    pub allow_http: bool,
    /// How long one request is tried again before the store counts as away.
    pub retry_for: Duration,
    /// How long one request may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "file:./data/objects".into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            allow_http: false,
            retry_for: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Store {
    /// Opens the store. A folder is made if it is not there; a bucket is not asked anything yet.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        match settings.url.split_once(':') {
            Some(("file", path)) => open_folder(path.strip_prefix("//").unwrap_or(path)),
            Some(("s3", rest)) => open_bucket(settings, rest.strip_prefix("//").unwrap_or(rest)),
            Some(("memory", "")) => Ok(Self::over(Arc::new(InMemory::new()))),
            _ => Err(Error::settings("its URL begins with file: or s3://")),
        }
    }
}

fn open_folder(path: &str) -> Result<Store, Error> {
    if path.is_empty() {
        return Err(Error::settings("file: is followed by a path"));
    }
    std::fs::create_dir_all(path)?;
    let root = PathBuf::from(path).canonicalize()?;
    // Without it an acknowledged object may be lost with the power.
    let objects = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
    Ok(Store::new(Arc::new(objects), Path::default(), Kind::Folder(Folder::new(root))))
}

fn open_bucket(settings: &Settings, rest: &str) -> Result<Store, Error> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Error::settings("s3:// is followed by a bucket"));
    }
    let prefix = Path::parse(prefix.trim_matches('/'))
        .map_err(|source| Error::Settings { what: "its prefix", source: Some(source.into()) })?;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
        .with_allow_http(settings.allow_http)
        // The digest is computed for the signature anyway; a bucket with a lock asks for it.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_retry(retries(settings))
        .with_client_options(client_options(settings));
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.as_str());
    }
    let client = Arc::new(builder.build()?);
    let bucket = Bucket::new(Arc::clone(&client), settings.timeout)?;
    Ok(Store::new(client, prefix, Kind::Bucket(Box::new(bucket))))
}

fn client_options(settings: &Settings) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(Duration::from_secs(5).min(settings.timeout))
        .with_timeout(settings.timeout)
}

/// Tries again with growing, jittered pauses, for a bounded time.
fn retries(settings: &Settings) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: settings.retry_for,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_open_what_they_name_or_say_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("objects/here");
        let file = format!("file:{}", inside.display());
        let slashes = format!("file://{}", inside.display());
        let cases = [
            (file.as_str(), Some("Store(folder)")),
            (slashes.as_str(), Some("Store(folder)")),
            ("s3://bucket", Some("Store(bucket)")),
            ("s3://bucket/some/prefix/", Some("Store(bucket)")),
            ("memory:", Some("Store(objects)")),
            ("file:", None),
            ("s3://", None),
            ("s3://bucket/a//b", None),
            ("ftp://x", None),
            ("", None),
        ];
        for (url, expected) in cases {
            let settings = Settings { url: url.into(), ..Settings::default() };
            let opened = Store::open(&settings).map(|store| format!("{store:?}"));
            assert_eq!(opened.as_deref().ok(), expected, "{url}: {opened:?}");
        }
        assert!(inside.is_dir());
    }
}
