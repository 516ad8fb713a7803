//! A vault to test: a real index, real keys, a store of choice, a clock that is moved by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, request::Builder};
use callvault::crypto::{Files, Keys};
use callvault::http::{App, router};
use callvault::index::{Db, Pool};
use callvault::ledger::Signer;
use callvault::model::{Class, Clock, Role, Term, TimeZone};
use callvault::retention::Schedule;
use callvault::store::{self, Store};
use callvault::vault::{
    LedgerSettings, Location, NewCustomer, NewToken, Parts, ScrubSettings, Settings,
    TrainingSettings, Vault,
};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

use crate::faults::Faulty;

/// When every test begins.
pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

/// Which index.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Which store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Folder,
    Faulty,
    Garage,
}

/// A vault and everything around it.
pub(crate) struct TestVault {
    pub(crate) vault: Vault,
    pub(crate) clock: Clock,
    pub(crate) keys: Keys,
    pub(crate) store: Store,
    pub(crate) faults: Option<Arc<Faulty>>,
    pub(crate) dir: TempDir,
    pub(crate) router: Router,
}

/// Runs each test on SQLite with a folder, and on PostgreSQL with Garage.
#[macro_export]
macro_rules! on_each_vault {
    ($($test:ident),* $(,)?) => {
        mod embedded {
            use $crate::harness::{Engine, Place, TestVault};
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(TestVault::on(Engine::Sqlite, Place::Folder).await).await
            })*
        }
        mod at_scale {
            use $crate::harness::{Engine, Place, TestVault};
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(TestVault::on(Engine::Postgres, Place::Garage).await).await
            })*
        }
    };
}

/// A variable that scripts/test-services.sh sets.
#[expect(clippy::disallowed_methods, reason = "tests are told their services by the environment")]
pub(crate) fn service(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests with make test, which starts the services")
    })
}

/// A folder of its own in the bucket.
pub(crate) fn garage() -> store::Settings {
    let prefix = Uuid::new_v4();
    store::Settings {
        url: format!("s3://{}/{prefix}", service("TEST_S3_BUCKET")),
        endpoint: Some(service("TEST_S3_ENDPOINT")),
        region: Some(service("TEST_S3_REGION")),
        access_key_id: Some(service("TEST_S3_ACCESS_KEY_ID")),
        secret_access_key: Some(service("TEST_S3_SECRET_ACCESS_KEY").into()),
        allow_http: true,
        ..store::Settings::default()
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        schedule: Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        },
        max_body: 64 << 20,
        cooling_off: SignedDuration::from_hours(24),
        eraser_interval: std::time::Duration::from_hours(1),
        renew_days: true,
        training: TrainingSettings::default(),
        scrub: ScrubSettings { every: Some(SignedDuration::from_hours(720)), rate: 1 << 40 },
        statement_version: Some("1".into()),
        location: Location { country: "NL".into(), instrument: None },
        allow_private_webhooks: true,
        sign_in: callvault::vault::SignInSettings::default(),
        identity: callvault::vault::Identity::default(),
        ledger: LedgerSettings::default(),
    }
}

impl TestVault {
    pub(crate) async fn new() -> Self {
        Self::on(Engine::Sqlite, Place::Folder).await
    }

    pub(crate) async fn on(engine: Engine, place: Place) -> Self {
        // What fails inside the vault is shown with the test that fails of it.
        drop(
            tracing_subscriber::fmt()
                .with_test_writer()
                .with_max_level(tracing::Level::WARN)
                .try_init(),
        );
        let dir = tempfile::tempdir().unwrap();
        let (store, faults) = match place {
            Place::Folder => {
                let url = format!("file:{}", dir.path().join("objects").display());
                (Store::open(&store::Settings { url, ..store::Settings::default() }).unwrap(), None)
            }
            Place::Faulty => {
                let faulty = Arc::new(Faulty::default());
                (Store::over(faulty.clone()), Some(faulty))
            }
            Place::Garage => (Store::open(&garage()).unwrap(), None),
        };
        Self::over(engine, store, faults, dir).await
    }

    /// A vault over this store.
    pub(crate) async fn over(
        engine: Engine,
        store: Store,
        faults: Option<Arc<Faulty>>,
        dir: TempDir,
    ) -> Self {
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", dir.path().join("index.db").display()),
            Engine::Postgres => crate::backend::new_database().await,
        };
        let index = Db::connect(&url, &Pool::default()).await.unwrap();
        index.migrate().await.unwrap();
        let files = Files::new(dir.path().join("keyring"), vec![dir.path().join("root.key")]);
        let keys = Keys::init(Arc::new(files)).await.unwrap();
        let clock = Clock::manual(NOW.parse().unwrap());
        let vault = assemble(index, &store, &keys, &clock, dir.path()).await;
        let router = router(App::new(vault.clone(), String::new));
        let this = Self { vault, clock, keys, store, faults, dir, router };
        this.customer("acme", "P30D").await;
        this.customer("globex", "P1Y").await;
        this
    }

    /// One more node over the same index, store and keyring.
    pub(crate) async fn second_node(&self) -> Vault {
        let index = self.vault.index().clone();
        assemble(index, &self.store, &self.keys, &self.clock, self.dir.path()).await
    }

    /// One more node that does not have the key of the logs.
    pub(crate) async fn unsigned_node(&self) -> Vault {
        let index = self.vault.index().clone();
        let (store, keys, clock) = (self.store.clone(), self.keys.clone(), self.clock.clone());
        let parts = Parts { index, store, keys, signer: None, clock, settings: settings() };
        Vault::open(parts).await.unwrap()
    }

    /// The same vault, opened again with other logs or witnesses.
    pub(crate) async fn with_ledger(self, ledger: LedgerSettings) -> Self {
        let index = self.vault.index().clone();
        let settings = Settings { ledger, ..settings() };
        let (store, keys, clock) = (self.store.clone(), self.keys.clone(), self.clock.clone());
        let signer = Signer::open(&self.dir.path().join("ledger.key")).unwrap();
        let parts = Parts { index, store, keys, signer, clock, settings };
        let vault = Vault::open(parts).await.unwrap();
        let router = router(App::new(vault.clone(), String::new));
        Self { vault, router, ..self }
    }

    /// The same vault, opened again with another sample or cap.
    pub(crate) async fn with_training(self, training: TrainingSettings) -> Self {
        let vault = self.node_with(training).await;
        let router = router(App::new(vault.clone(), String::new));
        Self { vault, router, ..self }
    }

    /// One more node with this sample and cap.
    pub(crate) async fn node_with(&self, training: TrainingSettings) -> Vault {
        let index = self.vault.index().clone();
        let settings = Settings { training, ..settings() };
        let (store, keys, clock) = (self.store.clone(), self.keys.clone(), self.clock.clone());
        let signer = Signer::open(&self.dir.path().join("ledger.key")).unwrap();
        Vault::open(Parts { index, store, keys, signer, clock, settings }).await.unwrap()
    }

    /// The same vault after its embedded index was replaced by a copy.
    pub(crate) async fn restored(self, copy: &std::path::Path) -> Self {
        self.vault.index().close().await;
        let path = self.dir.path().join("index.db");
        for beside in ["index.db-wal", "index.db-shm"] {
            drop(std::fs::remove_file(self.dir.path().join(beside)));
        }
        std::fs::copy(copy, &path).unwrap();
        let url = format!("sqlite:{}", path.display());
        let index = Db::connect(&url, &Pool::default()).await.unwrap();
        let dir = self.dir.path();
        let vault = assemble(index, &self.store, &self.keys, &self.clock, dir).await;
        let router = router(App::new(vault.clone(), String::new));
        Self { vault, router, ..self }
    }

    /// One more node whose keyring in memory is its own.
    pub(crate) async fn own_keyring_node(&self) -> Vault {
        let root = self.dir.path().join("root.key");
        let files = Files::new(self.dir.path().join("keyring"), vec![root]);
        let keys = Keys::open(Arc::new(files)).await.unwrap();
        let index = self.vault.index().clone();
        assemble(index, &self.store, &keys, &self.clock, self.dir.path()).await
    }

    pub(crate) async fn customer(&self, reference: &str, term: &str) {
        let new = NewCustomer {
            reference: reference.parse().unwrap(),
            name: format!("{reference} BV"),
            agreement: Some("VWO-1".into()),
            term: Some(term.parse().unwrap()),
            floor: None,
            ceiling: None,
            legal_basis: None,
        };
        self.vault.add_customer(new).await.unwrap();
    }

    /// A token of this role; customer roles are acme's.
    pub(crate) async fn token(&self, role: Role) -> String {
        let customer = role.is_customers().then_some("acme");
        self.token_of(role, customer, None).await
    }

    pub(crate) async fn token_of(
        &self,
        role: Role,
        customer: Option<&str>,
        class: Option<Class>,
    ) -> String {
        let new = NewToken {
            name: "pbx-1".into(),
            roles: BTreeSet::from([role]),
            customer: customer.map(|customer| customer.parse().unwrap()),
            class,
            lines: None,
            agent: None,
            own_calls_only: false,
            expires_at: None,
        };
        self.vault.create_token(&new).await.unwrap().1.reveal().to_owned()
    }

    /// Uploads a recording as a PBX would and gives its identifier.
    pub(crate) async fn recording(&self, fields: &[(&str, &str)], audio: &[u8]) -> Uuid {
        let answer = self.upload(fields, audio).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Uploads with [`support`] fields unless others are given.
    pub(crate) async fn upload(&self, fields: &[(&str, &str)], audio: &[u8]) -> TestResponse {
        let token = self.token(Role::Ingest).await;
        self.upload_as(&token, fields, audio).await
    }

    pub(crate) async fn upload_as(
        &self,
        token: &str,
        fields: &[(&str, &str)],
        audio: &[u8],
    ) -> TestResponse {
        let (kind, body) = form(fields, audio);
        self.post("/v1/recordings")
            .token(token)
            .header("content-type", &kind)
            .body(body)
            .send()
            .await
    }

    pub(crate) fn advance(&self, duration: SignedDuration) {
        self.clock.advance(duration);
    }

    pub(crate) fn advance_days(&self, days: i64) {
        self.clock.advance(SignedDuration::from_hours(24 * days));
    }

    pub(crate) fn get(&self, path: &str) -> TestRequest {
        self.request(Request::get(path))
    }

    pub(crate) fn post(&self, path: &str) -> TestRequest {
        self.request(Request::post(path))
    }

    pub(crate) fn request(&self, request: Builder) -> TestRequest {
        TestRequest { router: self.router.clone(), request, body: Body::empty() }
    }

    /// Asks for the audio of a recording.
    pub(crate) async fn listen(&self, token: &str, id: Uuid, query: &str) -> TestResponse {
        self.get(&format!("/v1/recordings/{id}/audio?{query}")).token(token).send().await
    }
}

async fn assemble(
    index: Db,
    store: &Store,
    keys: &Keys,
    clock: &Clock,
    dir: &std::path::Path,
) -> Vault {
    let (store, keys, clock) = (store.clone(), keys.clone(), clock.clone());
    let key = dir.join("ledger.key");
    let signer = match Signer::open(&key).unwrap() {
        Some(signer) => signer,
        None => Signer::create(&key).unwrap(),
    };
    let signer = Some(signer);
    Vault::open(Parts { index, store, keys, signer, clock, settings: settings() }).await.unwrap()
}

/// A support call that ended an hour ago.
pub(crate) const SUPPORT: &[(&str, &str)] = &[
    ("class", "support"),
    ("direction", "inbound"),
    ("ended_at", "2026-06-01T11:00:00Z"),
    ("caller", "020 123 4567"),
    ("callee", "+31881234567"),
    ("agent", "willem"),
    ("queue", "helpdesk"),
];

/// A call of customer acme that ended an hour ago.
pub(crate) const ACME: &[(&str, &str)] = &[
    ("class", "customer"),
    ("customer", "acme"),
    ("direction", "outbound"),
    ("ended_at", "2026-06-01T11:00:00Z"),
    ("caller", "0881111111"),
    ("callee", "0612345678"),
    ("line", "201"),
];

/// A WAV of 8 kHz mono PCM16 that is a tone: different for every `seed`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a short, quiet tone")]
pub(crate) fn tone(seconds: f64, seed: u32) -> Vec<u8> {
    let frames = (8000.0 * seconds) as u32;
    let hertz = 200.0 + f64::from(seed);
    let samples = (0..frames).flat_map(|n| {
        let phase = f64::from(n) * hertz * std::f64::consts::TAU / 8000.0;
        ((phase.sin() * 12_000.0) as i16).to_le_bytes()
    });
    let mut wav = Vec::new();
    let data = frames * 2;
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + data).to_le_bytes());
    wav.extend_from_slice(
        b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data",
    );
    wav.extend_from_slice(&data.to_le_bytes());
    wav.extend(samples);
    wav
}

/// A multipart form: fields, then the audio.
pub(crate) fn form(fields: &[(&str, &str)], audio: &[u8]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(
        b"--cut\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\n\r\n",
    );
    body.extend_from_slice(audio);
    body.extend_from_slice(b"\r\n--cut--\r\n");
    ("multipart/form-data; boundary=cut".into(), body)
}

/// A request that has not been sent yet.
#[must_use]
pub(crate) struct TestRequest {
    router: Router,
    request: Builder,
    body: Body,
}

impl TestRequest {
    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    pub(crate) fn range(self, range: &str) -> Self {
        self.header("range", range)
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn json(self, value: &serde_json::Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    pub(crate) async fn send(self) -> TestResponse {
        let response = self.router.oneshot(self.request.body(self.body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes().to_vec());
        let cut = body.is_err();
        let body = body.unwrap_or_default();
        TestResponse { status: parts.status, headers: parts.headers, body, cut }
    }
}

/// A response, read to its end.
pub(crate) struct TestResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body broke off.
    pub(crate) cut: bool,
}

impl TestResponse {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The code of a problem, or nothing for what is none.
    pub(crate) fn code_or_empty(&self) -> String {
        let code = serde_json::from_slice::<serde_json::Value>(&self.body).unwrap_or_default();
        code["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The code of a problem.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        self.json()["code"].as_str().unwrap().to_owned()
    }
}
