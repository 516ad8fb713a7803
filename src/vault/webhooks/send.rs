//! One request to an endpoint, signed after Standard Webhooks:
//!
//! ```text
//! webhook-signature = "v1," ‖ base64(HMAC-SHA-256(secret, id ‖ "." ‖ timestamp ‖ "." ‖ body))
//! ```

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use sha2::Sha256;

use super::address::{self, Guard};
use crate::model::{DeliveryId, Timestamp};

/// How long an endpoint has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that all requests go out by: it follows no redirect and uses no proxy.
pub(super) fn client(private: bool) -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .dns_resolver(Arc::new(Guard { private }))
        .timeout(PATIENCE)
        .user_agent(concat!("callvault/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// What the receiver knows a delivery by: the same at every attempt.
pub(super) fn message_id(id: DeliveryId) -> String {
    format!("msg_{}", id.0.simple())
}

fn signature(secret: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A request to be made.
pub(super) struct Message<'a> {
    pub(super) url: &'a str,
    pub(super) secret: &'a [u8],
    pub(super) id: DeliveryId,
    pub(super) body: &'a str,
    pub(super) now: Timestamp,
    pub(super) private: bool,
}

/// Sends it, and says in a word what went wrong if it was not taken.
pub(super) async fn send(client: &Client, message: Message<'_>) -> Result<(), String> {
    // An address that is a number is never looked up: it is judged here, each time.
    let url: Url = address::checked(message.url, message.private).map_err(|_| "address")?;
    let (id, timestamp) = (message_id(message.id), message.now.micros().div_euclid(1_000_000));
    let signature = signature(message.secret, &id, timestamp, message.body);
    let request = client
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(message.body.to_owned());
    match request.send().await {
        // What the answer holds is not read.
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(answer.status().as_u16().to_string()),
        Err(error) if error.is_timeout() => Err("timeout".into()),
        Err(_) => Err("connect".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_specification() {
        // The example of the Standard Webhooks specification's own libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
