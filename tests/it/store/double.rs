//! A small server that answers as S3 does, and badly when it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use callvault::store::{Settings, Store};

const DENIED: &str = "<Error><Code>AccessDenied</Code></Error>";

/// What the server knows: for each key its versions, the newest last; `None` is a delete marker.
#[derive(Default)]
pub(crate) struct Server {
    pub(crate) versions: BTreeMap<String, Vec<(String, Option<Bytes>)>>,
    pub(crate) uploads: Vec<(String, String)>,
    pub(crate) locked: Option<String>,
    pub(crate) versioned: bool,
    /// The end of the name of an object that nobody may delete.
    pub(crate) kept: Option<String>,
    /// The end of the name of an object that nobody may see, either.
    pub(crate) hidden: Option<String>,
    pub(crate) missing: bool,
    pub(crate) confused: bool,
    pub(crate) busy: u32,
    pub(crate) requests: u32,
}

pub(crate) type Shared = Arc<Mutex<Server>>;

pub(crate) async fn serve(state: Shared) -> String {
    let router = Router::new().fallback(answer).with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

pub(crate) async fn open(state: &Shared) -> Store {
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
    let body = axum::body::to_bytes(body, 8 << 20).await.unwrap();
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
    let range = parts.headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    server.answer(&parts.method, &key, &query, body, range.as_deref())
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
        body: Bytes,
        range: Option<&str>,
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
                return (StatusCode::FORBIDDEN, DENIED).into_response();
            }
            let all = self.versions.entry(key.to_owned()).or_default();
            all.retain(|(id, _)| id != version);
            return StatusCode::NO_CONTENT.into_response();
        }
        if has("delete") {
            return self.delete_many(&String::from_utf8_lossy(&body)).into_response();
        }
        if has("list-type") {
            return self.list(query).into_response();
        }
        if self.hidden.as_ref().is_some_and(|end| key.ends_with(end)) {
            return (StatusCode::FORBIDDEN, DENIED).into_response();
        }
        match *method {
            Method::PUT => {
                let all = self.versions.entry(key.to_owned()).or_default();
                if !self.versioned {
                    all.clear();
                }
                all.push((format!("v{}", self.requests), Some(body)));
                ([(header::ETAG, "\"x\"")], "").into_response()
            }
            Method::HEAD if key.is_empty() => {
                ([("x-amz-bucket-region", "eu-test-1")], "").into_response()
            }
            Method::HEAD | Method::GET => {
                let newest = self.versions.get(key).and_then(|all| all.last());
                match newest.and_then(|(_, bytes)| bytes.as_ref()) {
                    Some(bytes) => window(bytes, range),
                    None => StatusCode::NOT_FOUND.into_response(),
                }
            }
            _ => StatusCode::NOT_IMPLEMENTED.into_response(),
        }
    }

    fn delete_many(&mut self, body: &str) -> String {
        let mut deleted = String::new();
        if self.confused {
            deleted.push_str("<Error><Key>x</Key><Code>x</Code><Message>x</Message></Error>");
        }
        for key in body.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()) {
            let kept = [&self.kept, &self.hidden];
            if kept.into_iter().flatten().any(|end| key.ends_with(end)) {
                let error = "<Code>AccessDenied</Code><Message>no</Message></Error>";
                deleted.extend(["<Error><Key>", key, "</Key>", error]);
                continue;
            }
            let all = self.versions.entry(key.to_owned()).or_default();
            if self.versioned {
                all.push((format!("m{}", self.requests), None));
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
            |(key, all)| {
                all.iter().map(move |(id, bytes)| (key.as_str(), id.as_str(), bytes.is_some()))
            },
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

    /// What is there by its name, all in one page.
    fn list(&self, query: &BTreeMap<String, String>) -> String {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let newest = |(key, all): (&String, &Vec<(String, Option<Bytes>)>)| {
            let bytes = all.last().and_then(|(_, bytes)| bytes.as_ref())?;
            let len = bytes.len();
            key.starts_with(prefix).then(|| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2026-06-01T00:00:00.000Z</LastModified>\
                     <ETag>x</ETag><Size>{len}</Size></Contents>"
                )
            })
        };
        let all: String = self.versions.iter().filter_map(newest).collect();
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{all}</ListBucketResult>")
    }
}

/// An object, or a window of it.
fn window(bytes: &Bytes, range: Option<&str>) -> Response {
    let modified = "Mon, 01 Jun 2026 00:00:00 GMT";
    let headers = [(header::ETAG, "\"x\""), (header::LAST_MODIFIED, modified)];
    let wanted = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((first, last)) = wanted else { return (headers, bytes.clone()).into_response() };
    let first: usize = first.parse().unwrap();
    let end = last.parse::<usize>().map_or(bytes.len(), |last| bytes.len().min(last + 1));
    if first >= end {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let told = format!("bytes {first}-{}/{}", end - 1, bytes.len());
    let told = [(header::CONTENT_RANGE, told)];
    (StatusCode::PARTIAL_CONTENT, headers, told, bytes.slice(first..end)).into_response()
}
