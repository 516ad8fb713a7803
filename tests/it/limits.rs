//! Who asks for too much waits, and who never ends a request is cut (over a real socket).

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use callvault::http::{App, router, serve};
use callvault::model::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::harness::{SUPPORT, TestVault, tone};

/// A server on a port of its own, until the test ends.
struct Server {
    vault: TestVault,
    url: String,
    address: std::net::SocketAddr,
    http: reqwest::Client,
    _stop: DropGuard,
}

impl Server {
    async fn new(requests_per_second: u32, header_time: Duration) -> Self {
        let vault = TestVault::new().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::new(vault.vault.clone(), String::new)
            .limited(NonZeroU32::new(requests_per_second));
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        tokio::spawn(serve(listener, router(app), header_time, stopped));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{address}");
        Self { vault, url, address, http, _stop: stop.drop_guard() }
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Response {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        request.send().await.unwrap()
    }

    async fn status(&self, token: &str) -> u16 {
        self.get("/v1/recordings", token).await.status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_asks_too_often_waits_and_others_do_not() {
    let server = Server::new(5, Duration::from_secs(30)).await;
    let busy = server.vault.token(Role::Trainer).await;
    let quiet = server.vault.token(Role::Trainer).await;
    let asked = (0..20).map(|_| server.get("/v1/recordings", &busy));
    let answers = futures_util::future::join_all(asked).await;
    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.status() != 200).collect();
    assert!(refused.len() >= 10, "{}", refused.len());
    for answer in refused {
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["retry-after"], "1");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "too_many_requests");
    }
    assert_eq!(server.status(&quiet).await, 200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(server.status(&busy).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_waits_and_its_known_tokens_do_not() {
    let server = Server::new(0, Duration::from_secs(30)).await;
    let known = server.vault.token(Role::Trainer).await;
    let unknown = server.vault.token(Role::Trainer).await;
    assert_eq!(server.status(&known).await, 200);
    let mut statuses = Vec::new();
    for number in 0..30 {
        statuses.push(server.status(&format!("guess-{number}")).await);
    }
    assert_eq!((statuses[0], statuses[29]), (401, 429), "{statuses:?}");
    let ticket = server.get("/v1/playback/guess", "").await;
    assert_eq!(ticket.status(), 429);
    assert_eq!(ticket.headers()["retry-after"], "10");
    assert_eq!(server.status(&unknown).await, 429);
    assert_eq!(server.status(&known).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_headers_is_cut() {
    let server = Server::new(0, Duration::from_millis(700)).await;
    let token = server.vault.token(Role::Trainer).await;
    let id = server.vault.recording(SUPPORT, &tone(30.0, 1)).await;
    let started = Instant::now();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let dripping = async {
        // Until the other side hangs up.
        while slow.write_all(b"X-A: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waiting = async { silent.read_to_end(&mut Vec::new()).await.unwrap() };
    let both = futures_util::future::join(dripping, waiting);
    tokio::time::timeout(Duration::from_secs(10), both).await.expect("they are still connected");
    assert!(started.elapsed() >= Duration::from_millis(600), "{:?}", started.elapsed());

    // An answer that takes longer than that to read is nothing of the kind.
    let path = format!("/v1/recordings/{id}/audio?purpose=training&as=wav");
    let mut answer = server.get(&path, &token).await;
    let mut heard = answer.chunk().await.unwrap().unwrap().len();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        heard += chunk.len();
    }
    assert_eq!(heard, tone(30.0, 1).len());
}
