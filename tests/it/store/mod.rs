//! What the store promises, in a folder, in memory and in a bucket of a real S3 server.

mod bucket;
mod contract;
pub(crate) mod double;
mod faults;
mod folder;

use bytes::Bytes;
use callvault::store::{Settings, Store};
use tempfile::TempDir;

/// A store that lives as long as the test.
struct TestStore {
    store: Store,
    /// Whether the store drops unfinished uploads that are swept.
    sweeps: bool,
    dir: Option<TempDir>,
}

fn folder() -> TestStore {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        Settings { url: format!("file:{}", dir.path().display()), ..Settings::default() };
    TestStore { store: Store::open(&settings).unwrap(), sweeps: true, dir: Some(dir) }
}

fn memory() -> TestStore {
    let settings = Settings { url: "memory:".into(), ..Settings::default() };
    TestStore { store: Store::open(&settings).unwrap(), sweeps: false, dir: None }
}

/// A prefix of its own in the bucket that `TEST_S3_*` names.
fn bucket() -> TestStore {
    let prefix = uuid::Uuid::new_v4().simple();
    let settings = Settings {
        url: format!("s3://{}/{prefix}", told("TEST_S3_BUCKET")),
        endpoint: Some(told("TEST_S3_ENDPOINT")),
        region: Some(told("TEST_S3_REGION")),
        access_key_id: Some(told("TEST_S3_ACCESS_KEY_ID")),
        secret_access_key: Some(told("TEST_S3_SECRET_ACCESS_KEY").into()),
        allow_http: true,
        ..Settings::default()
    };
    TestStore { store: Store::open(&settings).unwrap(), sweeps: true, dir: None }
}

#[expect(clippy::disallowed_methods, reason = "tests are told their services by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} must be set: TEST_S3_ENDPOINT, TEST_S3_BUCKET, TEST_S3_REGION, \
             TEST_S3_ACCESS_KEY_ID and TEST_S3_SECRET_ACCESS_KEY name an S3 server to test with"
        )
    })
}

/// Bytes that are all different from their neighbours.
fn content(len: usize) -> Bytes {
    (0..len).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}
