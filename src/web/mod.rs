//! The screens: files that were put into the program when it was built.
//!
//! What has a hash in its name never changes and is kept by browsers for ever; everything else is
//! asked about each time. An address that is no file is one of the screens' own and gets the page
//! they begin with. What they may load and run is said here, and it is what the vault serves itself.

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

/// A file of the screens.
struct Screen {
    path: &'static str,
    /// Its media type.
    kind: &'static str,
    /// What tells it from an older one.
    tag: &'static str,
    plain: &'static [u8],
    /// Its compressed forms, the best one first.
    packed: &'static [(&'static str, &'static [u8])],
}

/// Made by `build.rs`, by path.
static SCREENS: &[Screen] = include!(concat!(env!("OUT_DIR"), "/screens.rs"));

/// The page the screens begin with.
const FIRST: &str = "index.html";

/// Where the files are whose names change with what is in them.
const HASHED: &str = "assets/";

/// What the screens may load and run: nothing of anybody else's, and nothing that stands in a page.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; \
    worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// What stands at `/` in a program that was built without the screens.
const NONE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>callvault</title>\n<h1>callvault runs, without its screens</h1>\n\
    <p>This program was built without them. <code>make run</code> builds them and starts a vault; or \
    run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code> and then \
    <code>cargo build</code> again.</p>\n\
    <p>The API is all there: <a href=\"/docs/\">/docs</a>.</p>\n</html>\n";

/// Whether there are any screens in this program.
#[must_use]
pub fn are_there() -> bool {
    find(FIRST).is_some()
}

/// What stands at an address, unless that is nothing of the screens.
#[must_use]
pub fn answer(path: &str, headers: &HeaderMap) -> Option<Response> {
    let path = path.trim_start_matches('/');
    if let Some(screen) = find(path) {
        return Some(send(screen, headers));
    }
    let names_a_file = path.rsplit('/').next().is_some_and(|last| last.contains('.'));
    if names_a_file || !wants_a_page(headers) && !path.is_empty() {
        return None;
    }
    Some(find(FIRST).map_or_else(none, |first| send(first, headers)))
}

fn find(path: &str) -> Option<&'static Screen> {
    let place = SCREENS.binary_search_by(|screen| screen.path.cmp(path)).ok()?;
    SCREENS.get(place)
}

fn wants_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

fn none() -> Response {
    let mut response = Response::new(Body::from(NONE));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn send(screen: &'static Screen, asked: &HeaderMap) -> Response {
    let accepted = asked.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepted = accepted.unwrap_or_default();
    let packed = screen.packed.iter().find(|(name, _)| accepts(accepted, name));
    let form = packed.map_or("", |(name, _)| *name);
    let tag = format!("\"{}{form}\"", screen.tag);
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let kept = if screen.path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    let known = asked.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known
        .is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
    {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(screen.kind));
    let bytes = match packed {
        Some((name, bytes)) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            *bytes
        }
        None => screen.plain,
    };
    *response.body_mut() = Body::from(Bytes::from_static(bytes));
    response
}

/// Whether an `Accept-Encoding` lets an encoding be used.
fn accepts(header: &str, name: &str) -> bool {
    header.split(',').any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0));
        coding.trim().eq_ignore_ascii_case(name) && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_used_when_it_is_accepted() {
        for (header, br) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0", true),
            ("BR", true),
            ("", false),
            ("gzip", false),
            ("br;q=0", false),
            ("br; q=0.0, gzip", false),
            ("brotli", false),
        ] {
            assert_eq!(accepts(header, "br"), br, "{header}");
        }
    }

    #[test]
    fn files_are_found_by_their_paths() {
        assert!(SCREENS.is_sorted_by(|one, next| one.path < next.path));
        for screen in SCREENS {
            assert_eq!(find(screen.path).map(|found| found.tag), Some(screen.tag));
        }
        assert!(find("no-such-file").is_none());
    }
}
