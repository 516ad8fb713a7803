//! Events go out, signed, at least once, to whoever wants to hear of them, and tell nobody's
//! number.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::routing::post;
use callvault::model::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    events_arrive_signed_and_tell_nothing_personal,
    what_is_not_taken_is_tried_again_and_then_given_up,
    an_endpoint_that_does_not_answer_keeps_no_other_waiting,
    two_nodes_do_not_both_send,
}

/// What came in, and how to answer.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    /// The answers to come; then 204.
    answers: Arc<Mutex<Vec<u16>>>,
    delay: Duration,
}

impl Receiver {
    /// Listens on this machine and gives its address.
    pub(crate) async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/events", listener.local_addr().unwrap());
        let router = Router::new().route("/events", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    pub(crate) fn got(&self) -> Vec<(HeaderMap, String)> {
        self.got.lock().unwrap().clone()
    }

    fn kinds(&self) -> Vec<String> {
        let kind = |body: &String| {
            let body: Value = serde_json::from_str(body).unwrap();
            body["type"].as_str().unwrap().to_owned()
        };
        let mut kinds: Vec<_> = self.got().iter().map(|(_, body)| kind(body)).collect();
        kinds.sort();
        kinds
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        let id = |headers: &HeaderMap| headers["webhook-id"].to_str().unwrap().to_owned();
        self.got().iter().map(|(headers, _)| id(headers)).collect()
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    tokio::time::sleep(receiver.delay).await;
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.got.lock().unwrap().push((headers, body));
    let mut answers = receiver.answers.lock().unwrap();
    let answer = if answers.is_empty() { 204 } else { answers.remove(0) };
    StatusCode::from_u16(answer).unwrap()
}

/// Checks a signature as a receiver would, in Python, which shares nothing with the vault.
pub(crate) fn verified(secret: &str, headers: &HeaderMap, body: &str) -> bool {
    let script = "import base64, hmac, sys\n\
        secret, id, at, given, body = sys.argv[1:]\n\
        key = base64.b64decode(secret.removeprefix('whsec_'))\n\
        mac = hmac.digest(key, f'{id}.{at}.{body}'.encode(), 'sha256')\n\
        want = 'v1,' + base64.b64encode(mac).decode()\n\
        sys.exit(0 if hmac.compare_digest(want, given) else 1)";
    let header = |name: &str| headers[name].to_str().unwrap();
    std::process::Command::new("python3")
        .args(["-c", script, secret, header("webhook-id"), header("webhook-timestamp")])
        .args([header("webhook-signature"), body])
        .status()
        .unwrap()
        .success()
}

async fn add(vault: &TestVault, token: &str, url: &str, events: &[&str]) -> (String, String) {
    let body = json!({ "url": url, "events": events });
    let added = vault.post("/v1/webhooks").token(token).json(&body).send().await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    let text = |name: &str| added.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn events_arrive_signed_and_tell_nothing_personal(vault: TestVault) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let operator = vault.token(Role::Operator).await;
    let (own, providers, some) = (Receiver::default(), Receiver::default(), Receiver::default());
    let (_, secret) = add(&vault, &admin, &own.listen().await, &[]).await;
    let (_, other) = add(&vault, &operator, &providers.listen().await, &[]).await;
    add(&vault, &admin, &some.listen().await, &["recording.erased"]).await;

    let mut fields = ACME.to_vec();
    fields.extend([("agent", "canary-agent"), ("queue", "canary-queue"), ("call_id", "canary-id")]);
    let id = vault.recording(&fields, &tone(0.5, 1)).await;
    vault.recording(SUPPORT, &tone(0.5, 2)).await;
    let mut late = ACME.to_vec();
    late[3] = ("ended_at", "2026-01-01T11:00:00Z");
    assert_eq!(vault.upload(&late, &tone(0.5, 3)).await.code(), "past_due");
    let path = format!("/v1/recordings/{id}/erasure");
    let body = json!({ "cause": "request", "case": "E-1" });
    assert!(vault.post(&path).token(&admin).json(&body).send().await.status.is_success());
    vault.vault.send_webhooks().await.unwrap();
    vault.vault.send_webhooks().await.unwrap();

    assert_eq!(own.kinds(), ["ingest.refused", "recording.erased", "recording.stored"]);
    assert_eq!(providers.kinds(), ["recording.stored"], "nobody hears of what is another's (I15)");
    assert_eq!(some.kinds(), ["recording.erased"]);
    for (headers, body) in own.got() {
        assert!(verified(&secret, &headers, &body), "{body}");
        assert!(!verified(&other, &headers, &body));
        assert!(!verified(&secret, &headers, &format!("{body} ")));
        for canary in ["canary", "81111", "2345678", "201", "willem", ACME[3].1, "11:00"] {
            let rest = body.replace(&id.to_string(), "");
            let data: Value = serde_json::from_str(&rest).unwrap();
            let mut data = data["data"].clone();
            data.as_object_mut().unwrap().retain(|name, _| name != "controller" && name != "due");
            assert!(!data.to_string().contains(canary), "{canary} in {body}");
        }
    }
    let (_, erased) =
        own.got().into_iter().find(|(_, body)| body.contains("recording.erased")).unwrap();
    let erased: Value = serde_json::from_str(&erased).unwrap();
    assert_eq!(erased["data"]["recording"], id.to_string());
    assert_eq!(
        (&erased["data"]["cause"], &erased["data"]["case"]),
        (&json!("request"), &json!("E-1"))
    );
    let unique: BTreeSet<_> = own.ids().into_iter().collect();
    assert_eq!(unique.len(), 3);
}

async fn what_is_not_taken_is_tried_again_and_then_given_up(vault: TestVault) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let flaky = Receiver { answers: Arc::new(Mutex::new(vec![500, 302])), ..Receiver::default() };
    let (id, _) = add(&vault, &admin, &flaky.listen().await, &["recording.stored"]).await;
    vault.recording(ACME, &tone(0.5, 1)).await;
    for _ in 0..3 {
        vault.vault.send_webhooks().await.unwrap();
        assert_eq!(flaky.got().len(), 1, "it is waited before the next attempt");
    }
    vault.advance(SignedDuration::from_secs(7));
    vault.vault.send_webhooks().await.unwrap();
    vault.advance(SignedDuration::from_secs(13));
    vault.vault.send_webhooks().await.unwrap();
    let ids = flaky.ids();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|one| *one == ids[0]), "the same event at every attempt");
    vault.advance_days(1);
    vault.vault.send_webhooks().await.unwrap();
    assert_eq!(flaky.got().len(), 3, "what was taken is not sent again");

    // Given up after three days; taken up again when asked.
    *flaky.answers.lock().unwrap() = vec![503; 40];
    vault.recording(ACME, &tone(0.5, 2)).await;
    for _ in 0..16 {
        vault.vault.send_webhooks().await.unwrap();
        vault.advance(SignedDuration::from_hours(8));
    }
    let tried = flaky.got().len();
    let path = format!("/v1/webhooks/{id}");
    let dead = vault.get(&format!("{path}/dead")).token(&admin).send().await.json();
    assert_eq!(dead["items"].as_array().unwrap().len(), 1, "{dead}");
    assert_eq!(dead["items"][0]["error"], "503");
    assert_eq!(dead["items"][0]["payload"]["type"], "recording.stored");
    vault.advance_days(30);
    vault.vault.send_webhooks().await.unwrap();
    assert_eq!(flaky.got().len(), tried, "it is left alone");
    flaky.answers.lock().unwrap().clear();
    let again = vault.post(&format!("{path}/retry")).token(&admin).send().await;
    assert_eq!(again.json(), json!({ "retried": 1 }));
    vault.vault.send_webhooks().await.unwrap();
    assert_eq!(flaky.got().len(), tried + 1);
    let list = vault.get("/v1/webhooks").token(&admin).send().await.json();
    assert_eq!((&list["items"][0]["pending"], &list["items"][0]["dead"]), (&json!(0), &json!(0)));
    assert!(!list.to_string().contains("whsec"));
}

async fn an_endpoint_that_does_not_answer_keeps_no_other_waiting(vault: TestVault) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let slow = Receiver { delay: Duration::from_mins(5), ..Receiver::default() };
    let quick = Receiver::default();
    add(&vault, &admin, &slow.listen().await, &[]).await;
    // Nobody listens there.
    add(&vault, &admin, "http://127.0.0.1:1/", &[]).await;
    add(&vault, &admin, &quick.listen().await, &[]).await;
    let (sender, began) = (vault.vault.clone(), std::time::Instant::now());
    for seed in 1..4 {
        vault.recording(ACME, &tone(0.5, seed)).await;
        let sender = sender.clone();
        tokio::spawn(async move { sender.send_webhooks().await });
    }
    while quick.got().len() < 3 {
        let sender = sender.clone();
        tokio::spawn(async move { sender.send_webhooks().await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(9), "before the slow one times out");
    }
    assert_eq!(slow.got().len(), 0);
}

async fn two_nodes_do_not_both_send(vault: TestVault) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let receiver = Receiver { delay: Duration::from_millis(20), ..Receiver::default() };
    add(&vault, &admin, &receiver.listen().await, &[]).await;
    let other = vault.second_node().await;
    for seed in 1..12 {
        vault.recording(ACME, &tone(0.2, seed)).await;
    }
    let (one, two) = tokio::join!(vault.vault.send_webhooks(), other.send_webhooks());
    one.unwrap();
    two.unwrap();
    vault.vault.send_webhooks().await.unwrap();
    let ids: BTreeSet<_> = receiver.ids().into_iter().collect();
    assert_eq!((ids.len(), receiver.got().len()), (11, 11));
}

#[tokio::test]
async fn endpoints_are_ones_own_and_their_secrets_are_shown_once() {
    let vault = TestVault::new().await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let url = Receiver::default().listen().await;
    let (id, secret) = add(&vault, &admin, &url, &["recording.held"]).await;
    assert!(secret.starts_with("whsec_"));
    let index = std::fs::read(vault.dir.path().join("index.db")).unwrap();
    let log = std::fs::read(vault.dir.path().join("index.db-wal")).unwrap_or_default();
    let raw = secret.trim_start_matches("whsec_").as_bytes().to_vec();
    for bytes in [index, log] {
        assert!(!bytes.windows(raw.len()).any(|window| window == raw), "kept sealed");
    }
    let globex = vault.token_of(Role::CustomerAdmin, Some("globex"), None).await;
    let operator = vault.token(Role::Operator).await;
    for token in [&globex, &operator] {
        let list = vault.get("/v1/webhooks").token(token).send().await.json();
        assert_eq!(list["items"], json!([]));
        for (method, more) in [("GET", "/dead"), ("POST", "/retry"), ("DELETE", "")] {
            let request = Request::builder().method(method).uri(format!("/v1/webhooks/{id}{more}"));
            assert_eq!(vault.request(request).token(token).send().await.code(), "not_found");
        }
    }
    for &role in Role::ALL {
        let token = vault.token(role).await;
        let list = vault.get("/v1/webhooks").token(&token).send().await.status;
        let may = matches!(role, Role::Operator | Role::CustomerAdmin);
        assert_eq!(list == StatusCode::OK, may, "{role}");
    }
    for (url, events) in [
        ("http://example.net/", json!([])),
        ("https://example.net/?q=0612345678", json!([])),
        ("https://example.net/", json!(["recording.played"])),
    ] {
        let body = json!({ "url": url, "events": events });
        let refused = vault.post("/v1/webhooks").token(&admin).json(&body).send().await;
        assert!(refused.status.is_client_error(), "{url}");
    }
    let remove = vault.request(Request::delete(format!("/v1/webhooks/{id}"))).token(&admin);
    assert_eq!(remove.send().await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_hold_is_told_once_for_each_recording() {
    let vault = TestVault::new().await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let receiver = Receiver::default();
    add(&vault, &admin, &receiver.listen().await, &["recording.held"]).await;
    let mut ids = Vec::new();
    for seed in 1..3 {
        ids.push(vault.recording(ACME, &tone(0.2, seed)).await);
    }
    let wish = json!({
        "kind": "customer", "case": "H-1", "recordings": ids, "review_on": "2026-06-20"
    });
    let placed = crate::holds::hold(&vault, &admin, wish).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    vault.vault.send_webhooks().await.unwrap();
    let got = receiver.got();
    assert_eq!(got.len(), 2, "{got:?}");
    for id in ids {
        assert!(got.iter().any(|(_, body)| body.contains(&id.to_string())));
    }
}
