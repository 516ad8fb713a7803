//! The API: each handler turns a request into one operation of the vault and dresses the outcome.
//!
//! - `serve`: the socket; `auth`: who calls, within `limits`; `extract`: what requests hold; [`error`]: what failures look like
//! - one file a persona: `ingest` (PBXs), `recordings`, `playback`, `notes` and `training_sets` (trainers, listeners),
//!   `mutes`, `evidence`, `erasure`, `restriction`, `holds`, `ledger` and `challenge` (compliance), `customers` (operators), `retention`, `leaving`
//!   (customers that leave), `session` and `elsewhere` (signing in, with a `cookie`) and `accounts`, `webhooks` (whoever wants to hear of events), `operator`, `system` (machines)

mod accounts;
mod auth;
mod body;
mod challenge;
mod compliance;
mod cookie;
mod customers;
mod elsewhere;
mod erasure;
mod erasures;
mod error;
mod evidence;
mod extract;
mod headers;
mod holds;
mod ingest;
mod leaving;
mod ledger;
mod limits;
mod mutes;
mod notes;
mod openapi;
mod operator;
mod paced;
mod playback;
mod recordings;
mod restriction;
mod retention;
mod serve;
mod session;
mod system;
mod training_sets;
mod webhooks;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::util::{MapRequestLayer, MapResponseLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{
    MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer,
};
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::vault::{Provider, Vault};

pub use openapi::document;
pub use serve::serve;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    vault: Vault,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    limits: Arc<limits::Limits>,
    site: Arc<cookie::Site>,
    screens: Screens,
    elsewhere: Option<Provider>,
}

/// What stands at an address that is not of the API.
type Screens = fn(&str, &HeaderMap) -> Option<Response>;

impl App {
    /// The API of a vault. `metrics` renders what Prometheus scrapes.
    pub fn new(vault: Vault, metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self {
            vault,
            metrics: Arc::new(metrics),
            limits: Arc::new(limits::Limits::new(None)),
            site: Arc::default(),
            screens: |_, _| None,
            elsewhere: None,
        }
    }

    /// With screens at the addresses that are not of the API.
    #[must_use]
    pub fn with_screens(self, screens: Screens) -> Self {
        Self { screens, ..self }
    }

    /// Where people can sign in, too.
    #[must_use]
    pub fn with_provider(self, elsewhere: Option<Provider>) -> Self {
        Self { elsewhere, ..self }
    }

    /// At this address, to browsers: a scheme, a host and perhaps a port.
    #[must_use]
    pub fn at(self, public_url: Option<String>) -> Self {
        Self { site: Arc::new(cookie::Site { origin: public_url }), ..self }
    }

    /// With at most so many requests a second of one caller; without a limit for `None`.
    #[must_use]
    pub fn limited(self, requests_per_second: Option<NonZeroU32>) -> Self {
        Self { limits: Arc::new(limits::Limits::new(requests_per_second)), ..self }
    }
}

impl FromRef<App> for Vault {
    fn from_ref(app: &App) -> Self {
        app.vault.clone()
    }
}

/// Every route.
pub fn router(app: App) -> Router {
    let (api, document) = openapi::api().split_for_parts();
    let tls = app.site.is_secure();
    // The layers of a request, the outermost first. Together they are one: each layer of its own
    // would be one more box around every request.
    let layers = ServiceBuilder::new()
        .layer(MapRequestLayer::new(without_odd_id))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_response(log_response)
                .on_request(())
                .on_failure(()),
        )
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(MapResponseLayer::new(move |response| headers::on_all(response, tls)));
    let browser = MapResponseLayer::new(headers::on_browser);
    api.merge(openapi::browser(document).layer(browser))
        .fallback(screen)
        .method_not_allowed_fallback(error::wrong_method)
        .with_state(app)
        .layer(layers)
}

/// What stands at an address that no route has: a screen, or nothing.
async fn screen(State(app): State<App>, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    let of_api = ["/v1", "/docs", "/metrics", "/healthz", "/readyz"].iter().any(|root| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let reads = method == Method::GET || method == Method::HEAD;
    let found = if of_api || !reads { None } else { (app.screens)(path, request.headers()) };
    match found {
        Some(found) => found,
        None => error::unknown_route().into_response(),
    }
}

/// Drops a request id of the client's that is no short word: it would go into the log as it came.
fn without_odd_id(mut request: Request) -> Request {
    let odd = |id: &HeaderValue| {
        id.len() > 64 || !id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    if request.headers().get(REQUEST_ID).is_some_and(odd) {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

/// The span of a request. It names the route, never the address: a query can hold a number (I12),
/// an address can hold a ticket.
fn span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    tracing::info_span!("request", method = %request.method(), route, id)
}

fn log_response<B>(response: &axum::http::Response<B>, latency: Duration, _: &Span) {
    let status = response.status().as_u16();
    let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    if matches!(status, 200 | 206 | 304) {
        // A player asks for many ranges: who heard what is in the ledger, once.
        tracing::debug!(status, ms, "answered");
    } else {
        tracing::info!(status, ms, "answered");
    }
    // Those of playback come by the thousand a second.
    let label: Cow<'static, str> = match status {
        200 => "200".into(),
        206 => "206".into(),
        304 => "304".into(),
        other => other.to_string().into(),
    };
    metrics::histogram!("callvault_http_seconds", "status" => label).record(latency.as_secs_f64());
}
