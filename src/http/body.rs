//! Serving content: whole, one range, several ranges, or nothing when the client has it already
//! (RFC 9110, sections 13 and 14).

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::error::Problem;
use crate::model::{ByteRanges, RangeError};
use crate::vault::{Content, Error};

/// What stands between the parts of a multi-range answer.
const BOUNDARY: &str = "callvault-part-of-a-recording";

/// Answers a request for content.
pub(super) async fn serve(
    content: &Content,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let head_only = method == Method::HEAD;
    if has_it(headers, content.etag()) {
        return Ok(dressed(StatusCode::NOT_MODIFIED, content, Body::empty()));
    }
    match ranges(headers, content)? {
        None => {
            let body = body(content, 0..content.len(), head_only).await?;
            let mut response = dressed(StatusCode::OK, content, body);
            set(&mut response, CONTENT_TYPE, content.media_type());
            set(&mut response, CONTENT_LENGTH, &content.len().to_string());
            Ok(response)
        }
        Some(ranges) => match ranges.as_slice() {
            [range] => one(content, range.clone(), head_only).await,
            ranges => Ok(several(content, ranges, head_only)),
        },
    }
}

/// Whether the client's copy is the one it would get.
fn has_it(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    })
}

/// The ranges asked for, unless the client wants the whole or its copy is of something else.
fn ranges(headers: &HeaderMap, content: &Content) -> Result<Option<ByteRanges>, Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(range) = text(RANGE) else { return Ok(None) };
    // A date cannot match: recordings have no date of change. Only a strong tag does.
    if text(IF_RANGE).is_some_and(|tag| tag != content.etag()) {
        return Ok(None);
    }
    match ByteRanges::parse(range, content.len()) {
        Ok(ranges) => Ok(Some(ranges)),
        Err(RangeError::Malformed) => Ok(None),
        Err(RangeError::NotSatisfiable) => Err(Problem::range(content.len())),
    }
}

async fn one(content: &Content, range: Range<u64>, head_only: bool) -> Result<Response, Problem> {
    let (named, len) = (content_range(&range, content.len()), range.end - range.start);
    let body = body(content, range, head_only).await?;
    let mut response = dressed(StatusCode::PARTIAL_CONTENT, content, body);
    set(&mut response, CONTENT_TYPE, content.media_type());
    set(&mut response, CONTENT_RANGE, &named);
    set(&mut response, CONTENT_LENGTH, &len.to_string());
    Ok(response)
}

fn several(content: &Content, ranges: &[Range<u64>], head_only: bool) -> Response {
    let mut pieces: Vec<BoxStream<'static, Result<Bytes, Error>>> = Vec::new();
    let mut length = 0;
    let mut text = |text: String| {
        length += text.len() as u64;
        stream::iter([Ok(Bytes::from(text))]).boxed()
    };
    let closing = text(format!("\r\n--{BOUNDARY}--\r\n"));
    for range in ranges {
        pieces.push(text(format!(
            "\r\n--{BOUNDARY}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            content.media_type(),
            content_range(range, content.len()),
        )));
        if !head_only {
            pieces.push(flat(content.windows(range.clone())));
        }
    }
    pieces.push(closing);
    length += ranges.iter().map(|range| range.end - range.start).sum::<u64>();
    let body =
        if head_only { Body::empty() } else { Body::from_stream(stream::iter(pieces).flatten()) };
    let mut response = dressed(StatusCode::PARTIAL_CONTENT, content, body);
    set(&mut response, CONTENT_TYPE, &format!("multipart/byteranges; boundary={BOUNDARY}"));
    set(&mut response, CONTENT_LENGTH, &length.to_string());
    response
}

async fn body(content: &Content, range: Range<u64>, head_only: bool) -> Result<Body, Problem> {
    if head_only || range.is_empty() {
        return Ok(Body::empty());
    }
    let len = range.end - range.start;
    let mut windows = content.windows(range);
    // A store that is away is told with a status, not with a body that breaks off.
    let first = windows.next().await.transpose()?.unwrap_or_default();
    let ready: usize = first.iter().map(Bytes::len).sum();
    let first = stream::iter(first.into_iter().map(Ok::<_, Error>));
    if ready as u64 == len {
        return Ok(Body::from_stream(first));
    }
    Ok(Body::from_stream(first.chain(flat(windows))))
}

/// The pieces of all windows, one after the other.
fn flat(
    windows: BoxStream<'static, Result<Vec<Bytes>, Error>>,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let pieces = |pieces: Vec<Bytes>| stream::iter(pieces.into_iter().map(Ok));
    windows.map_ok(pieces).try_flatten().boxed()
}

fn dressed(status: StatusCode, content: &Content, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, ACCEPT_RANGES, "bytes");
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, ETAG, content.etag());
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn content_range(range: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", range.start, range.end.saturating_sub(1))
}
