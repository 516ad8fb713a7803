//! A bucket that keeps versions, one that is busy and one that is not there: a small server that
//! answers as S3 does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use callvault::model::{RecordingId, Timestamp};
use callvault::store::{Absence, Error, Settings, Store, Versioning};

use super::content;

/// What the server knows: for each key its versions, the newest last; `false` is a delete marker.
#[derive(Default)]
struct Server {
    versions: BTreeMap<String, Vec<(String, bool)>>,
    uploads: Vec<(String, String)>,
    locked: Option<String>,
    versioned: bool,
    missing: bool,
    confused: bool,
    busy: u32,
    requests: u32,
}

type Shared = Arc<Mutex<Server>>;

async fn serve(state: Shared) -> String {
    let router = Router::new().fallback(answer).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

async fn store(state: &Shared) -> Store {
    let settings = Settings {
        url: "s3://bucket/some".into(),
        endpoint: Some(serve(Arc::clone(state)).await),
        region: Some("eu-test-1".into()),
        access_key_id: Some("key".into()),
        secret_access_key: Some("very-secret".to_owned().into()),
        allow_http: true,
        retry_for: std::time::Duration::from_secs(2),
        ..Settings::default()
    };
    Store::open(&settings).unwrap()
}

async fn answer(State(state): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut server = state.lock().unwrap();
    server.requests += 1;
    if server.busy > 0 {
        server.busy -= 1;
        let text = "<Error><Code>SlowDown</Code></Error>";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    if server.missing {
        let text = "<Error><Code>NoSuchBucket</Code></Error>";
        return (StatusCode::NOT_FOUND, text).into_response();
    }
    let key = parts.uri.path().trim_start_matches("/bucket").trim_start_matches('/').to_owned();
    let query: BTreeMap<String, String> = pairs(parts.uri.query().unwrap_or_default()).collect();
    server.answer(&parts.method, &key, &query, &body)
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(key, value)| (key.to_owned(), value.replace("%2F", "/").replace("%23", "#")))
}

impl Server {
    fn answer(
        &mut self,
        method: &Method,
        key: &str,
        query: &BTreeMap<String, String>,
        body: &str,
    ) -> Response {
        let has = |name| query.contains_key(name);
        if has("versioning") {
            let status = if self.versioned { "<Status>Enabled</Status>" } else { "" };
            let root = "VersioningConfiguration";
            return format!("<{root} xmlns=\"http://s3/\">{status}</{root}>").into_response();
        }
        if has("versions") {
            return self.list_versions(query).into_response();
        }
        if has("uploads") {
            return self.list_uploads().into_response();
        }
        if let Some(id) = query.get("uploadId") {
            self.uploads.retain(|(_, upload)| upload != id);
            return StatusCode::NO_CONTENT.into_response();
        }
        if let Some(version) = query.get("versionId") {
            if self.locked.as_ref() == Some(version) {
                let text = "<Error><Code>AccessDenied</Code></Error>";
                return (StatusCode::FORBIDDEN, text).into_response();
            }
            let all = self.versions.entry(key.to_owned()).or_default();
            all.retain(|(id, _)| id != version);
            return StatusCode::NO_CONTENT.into_response();
        }
        if has("delete") {
            return self.delete_many(body).into_response();
        }
        match *method {
            Method::PUT => {
                let all = self.versions.entry(key.to_owned()).or_default();
                all.push((format!("v{}", self.requests), true));
                ([(header::ETAG, "\"x\"")], "").into_response()
            }
            Method::HEAD if key.is_empty() => {
                ([("x-amz-bucket-region", "eu-test-1")], "").into_response()
            }
            Method::HEAD => match self.versions.get(key).and_then(|all| all.last()) {
                Some((_, true)) => {
                    let modified = "Mon, 01 Jun 2026 00:00:00 GMT";
                    let headers = [(header::ETAG, "\"x\""), (header::LAST_MODIFIED, modified)];
                    (headers, "0123456789").into_response()
                }
                _ => StatusCode::NOT_FOUND.into_response(),
            },
            _ => StatusCode::NOT_IMPLEMENTED.into_response(),
        }
    }

    fn delete_many(&mut self, body: &str) -> String {
        let mut deleted = String::new();
        if self.confused {
            deleted.push_str("<Error><Key>x</Key><Code>x</Code><Message>x</Message></Error>");
        }
        for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()) {
            let all = self.versions.entry(key.to_owned()).or_default();
            if self.versioned {
                all.push((format!("m{}", self.requests), false));
            } else {
                all.clear();
            }
            deleted.extend(["<Deleted><Key>", key, "</Key></Deleted>"]);
        }
        format!("<DeleteResult>{deleted}</DeleteResult>")
    }

    /// One version a page, so that paging is tested.
    fn list_versions(&self, query: &BTreeMap<String, String>) -> String {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let after = query.get("version-id-marker");
        let mut all = self.versions.iter().filter(|(key, _)| key.starts_with(prefix)).flat_map(
            |(key, all)| all.iter().map(move |(id, real)| (key.as_str(), id.as_str(), *real)),
        );
        if let Some(after) = after {
            all.by_ref().find(|(_, id, _)| id == after);
        }
        let Some((key, id, real)) = all.next() else {
            return "<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>"
                .to_owned();
        };
        let tag = if real { "Version" } else { "DeleteMarker" };
        let more = all.next().is_some();
        format!(
            "<ListVersionsResult><Name>bucket</Name><IsTruncated>{more}</IsTruncated>\
             <NextKeyMarker>{key}</NextKeyMarker><NextVersionIdMarker>{id}</NextVersionIdMarker>\
             <{tag}><Key>{key}</Key><VersionId>{id}</VersionId></{tag}></ListVersionsResult>"
        )
    }

    fn list_uploads(&self) -> String {
        let upload = |(at, (key, id)): (usize, &(String, String))| {
            let year = 2020 + at;
            format!(
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                 <Initiated>{year}-01-01T00:00:00.000Z</Initiated></Upload>"
            )
        };
        let all: String = self.uploads.iter().enumerate().map(upload).collect();
        format!("<ListMultipartUploadsResult>{all}</ListMultipartUploadsResult>")
    }
}

fn versioned() -> Shared {
    Arc::new(Mutex::new(Server { versioned: true, ..Server::default() }))
}

#[tokio::test]
async fn a_delete_takes_every_version_with_it() {
    let state = versioned();
    let store = store(&state).await;
    let (id, other) = (RecordingId::random(), RecordingId::random());
    for id in [id, id, other] {
        store.put(id, vec![content(10)]).await.unwrap();
    }
    let deleted = store.delete(&[id]).await;
    assert!(matches!(deleted.as_slice(), [(_, Ok(()))]), "{deleted:?}");
    let seen = store.absent(&[id]).await;
    assert!(matches!(seen.as_slice(), [(_, Ok(Absence::Absent))]), "{seen:?}");
    let kept: usize = state.lock().unwrap().versions.values().map(Vec::len).sum();
    assert_eq!(kept, 1, "the other one's");
}

#[tokio::test]
async fn a_version_that_is_locked_is_told_of() {
    let state = versioned();
    let store = store(&state).await;
    let id = RecordingId::random();
    store.put(id, vec![content(10)]).await.unwrap();
    let version = state.lock().unwrap().versions.values().flatten().next().unwrap().0.clone();
    state.lock().unwrap().locked = Some(version);
    let deleted = store.delete(&[id]).await;
    assert!(matches!(deleted.as_slice(), [(_, Err(Error::Denied(_)))]), "{deleted:?}");
    // By its name it is gone all the same, and that is not enough.
    assert_eq!(store.size(id).await.unwrap(), None);
    let seen = store.absent(&[id]).await;
    assert!(matches!(seen.as_slice(), [(_, Ok(Absence::VersionsRemain))]), "{seen:?}");
}

#[tokio::test]
async fn a_store_that_answers_for_something_else_takes_nobody_down() {
    let state = Shared::default();
    state.lock().unwrap().confused = true;
    let store = store(&state).await;
    let deleted = store.delete(&[RecordingId::random(), RecordingId::random()]).await;
    let failed = |(_, result): &(_, _)| matches!(result, Err(Error::Other(_)));
    assert!(deleted.len() == 2 && deleted.iter().all(failed), "{deleted:?}");
}

#[tokio::test]
async fn nothing_is_absent_from_a_bucket_that_is_not_there() {
    let state = Shared::default();
    state.lock().unwrap().missing = true;
    let store = store(&state).await;
    let seen = store.absent(&[RecordingId::random()]).await;
    assert!(matches!(seen.as_slice(), [(_, Err(Error::Unavailable(_)))]), "{seen:?}");
    let posture = store.posture().await;
    assert!(matches!(posture, Err(Error::NotFound(_))), "{posture:?}");
}

#[tokio::test]
async fn a_busy_bucket_is_asked_again_and_one_that_stays_busy_is_away() {
    let state = versioned();
    let store = store(&state).await;
    let id = RecordingId::random();
    state.lock().unwrap().busy = 2;
    store.put(id, vec![content(10)]).await.unwrap();
    state.lock().unwrap().busy = 2;
    assert_eq!(store.posture().await.unwrap().versioning, Versioning::On);
    state.lock().unwrap().busy = u32::MAX;
    let before = std::time::Instant::now();
    for error in [store.put(id, vec![content(10)]).await, store.posture().await.map(drop)] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let mut told = format!("{error:?}");
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(!told.contains("very-secret") && !told.contains("Signature"), "{told}");
    }
    assert!(before.elapsed().as_secs() < 20, "bounded");
}

#[tokio::test]
async fn only_old_uploads_are_swept_and_the_region_is_told() {
    let state = Shared::default();
    let store = store(&state).await;
    for id in ["old", "new"] {
        state.lock().unwrap().uploads.push(("some/a0/x".into(), id.into()));
    }
    let older: Timestamp = "2020-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(store.sweep_unfinished(older).await.unwrap(), 1);
    assert_eq!(state.lock().unwrap().uploads, [("some/a0/x".to_owned(), "new".to_owned())]);
    let posture = store.posture().await.unwrap();
    assert_eq!(posture.location.as_deref(), Some("eu-test-1"));
    assert_eq!((posture.versioning, posture.lock), (Versioning::Off, Some(false)));
}
