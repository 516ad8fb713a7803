//! What goes with every answer, so that a browser keeps to what the vault is: nobody's frame,
//! nobody's script, no camera, and TLS where there is TLS.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Response};

/// What an answer of the API may load and run, should somebody open it in a browser: nothing.
const API: &str = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// What the browser of the API may: its page sets styles, and its pictures stand in its styles.
const BROWSER: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Two years, as browsers want it.
const TLS_ONLY: &str = "max-age=63072000; includeSubDomains";

const NOT_USED: &str = "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), \
    geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    publickey-credentials-get=(), screen-wake-lock=(), usb=()";

/// What every answer has, unless it has something of its own.
const ALL: [(HeaderName, &str); 6] = [
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, API),
    (HeaderName::from_static("permissions-policy"), NOT_USED),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds what every answer has.
pub(super) fn on_all<B>(mut response: Response<B>, tls: bool) -> Response<B> {
    let headers = response.headers_mut();
    for (name, value) in ALL {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
    response
}

/// Lets the browser of the API show itself.
pub(super) fn on_browser<B>(mut response: Response<B>) -> Response<B> {
    let policy = HeaderValue::from_static(BROWSER);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}
