//! What the ledger costs: appending beside an ingest, projecting, proving, verifying:
//! `cargo bench --bench ledger -- --leaves N`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callvault::crypto::{Files, Keys};
use callvault::index::ledger_entries::{self, NewEntry};
use callvault::index::{Db, Pool};
use callvault::ledger::{Signer, compose, verify};
use callvault::model::{Caller, Clock, Event, RecordingId, Role, Term, TimeZone};
use callvault::retention::Schedule;
use callvault::store::{self, Store};
use callvault::vault::{LedgerSettings, Location, NewToken, Parts, Settings, Vault};
use clap::Parser;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// How many entries go into one transaction when the log is filled.
const BATCH: usize = 10_000;

/// Measures the ledger.
#[derive(Parser)]
struct Options {
    /// How many leaves the log has.
    #[arg(long, default_value_t = 1_000_000)]
    leaves: usize,
    /// What cargo passes to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let Options { leaves, .. } = Options::parse();
    let dir = tempfile::tempdir()?;
    let clock = Clock::manual("2026-06-01T12:00:00Z".parse()?);
    let vault = vault(dir.path(), &clock).await?;
    println!("| ledger of {leaves} leaves | took | limit | |");
    println!("|---|---:|---:|---|");
    fill(&vault, &clock, leaves).await?;
    let started = Instant::now();
    vault.project().await?;
    told("projected into tiles, signed, exported", started.elapsed(), Duration::from_secs(30));
    let caller = auditor(&vault).await?;
    let mut slowest = Duration::ZERO;
    for nth in 0..200 {
        let started = Instant::now();
        let index = (nth * 4_999_u64) % u64::try_from(leaves)?;
        vault.log_proof(&caller, "provider", index).await?;
        slowest = slowest.max(started.elapsed());
    }
    told("an inclusion proof, the slowest of 200", slowest, Duration::from_millis(5));
    let to = dir.path().join("export");
    let started = Instant::now();
    vault.export_logs(&to, None).await?;
    println!("| written as static files | {:.2?} | – | |", started.elapsed());
    let started = Instant::now();
    let verified = verify::directory(&to.join("provider"), &verify::Against::default())?;
    let recordings = verified.iter().map(|log| log.recordings.accepted).sum::<u64>();
    told(
        &format!("replayed and verified, {recordings} recordings"),
        started.elapsed(),
        Duration::from_secs(20),
    );
    let one = append_alone(&vault, &clock).await?;
    println!("| one entry in a transaction of its own | {one:.2?} | – | |");
    Ok(())
}

fn told(what: &str, took: Duration, limit: Duration) {
    let met = if took <= limit { "met" } else { "**missed**" };
    println!("| {what} | {took:.2?} | {limit:.0?} | {met} |");
}

async fn vault(dir: &Path, clock: &Clock) -> Result<Vault, Failure> {
    let index =
        Db::connect(&format!("sqlite:{}", dir.join("index.db").display()), &Pool::default())
            .await?;
    index.migrate().await?;
    let keys =
        Keys::init(Arc::new(Files::new(dir.join("keyring"), vec![dir.join("root.key")]))).await?;
    let url = format!("file:{}", dir.join("objects").display());
    let store = Store::open(&store::Settings { url, ..store::Settings::default() })?;
    let settings = Settings {
        schedule: Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::UTC,
        },
        max_body: 1 << 20,
        cooling_off: jiff::SignedDuration::from_hours(24),
        eraser_interval: Duration::from_hours(1),
        renew_days: false,
        training: callvault::vault::TrainingSettings::default(),
        scrub: callvault::vault::ScrubSettings { every: None, rate: 1 },
        statement_version: Some("1".into()),
        location: Location { country: "NL".into(), instrument: None },
        allow_private_webhooks: false,
        sign_in: callvault::vault::SignInSettings::default(),
        identity: callvault::vault::Identity::default(),
        ledger: LedgerSettings::default(),
    };
    let signer = Some(Signer::create(&dir.join("ledger.key"))?);
    let parts = Parts { index, store, keys, signer, clock: clock.clone(), settings };
    Ok(Vault::open(parts).await?)
}

/// Four leaves a recording: its whole life.
async fn fill(vault: &Vault, clock: &Clock, leaves: usize) -> Result<(), Failure> {
    let controller = vault.provider();
    let now = clock.now();
    let due = "2026-06-01T12:00:00Z";
    let life = [
        (Event::RecordingAccepted, json!({ "class": "support", "due": due, "pol": "support/1" })),
        (Event::ErasureStarted, json!({ "cause": "term", "due": due, "gen": 1 })),
        (Event::ErasureKeyDestroyed, json!({ "cause": "term", "gen": 1 })),
        (Event::RecordingErased, json!({ "cause": "term", "due": due, "m": ["key", "object"] })),
    ];
    let mut recording = RecordingId::random();
    for start in (0..leaves).step_by(BATCH) {
        let mut entries = Vec::with_capacity(BATCH);
        for nth in start..leaves.min(start + BATCH) {
            if nth % life.len() == 0 {
                recording = RecordingId::random();
            }
            let Some((event, body)) = life.get(nth % life.len()) else { continue };
            let recording = Some(recording);
            let body = compose(now, *event, recording, body);
            entries.push(NewEntry { controller, at: now, event: *event, recording, body });
        }
        let mut tx = vault.index().begin().await?;
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn auditor(vault: &Vault) -> Result<Caller, Failure> {
    let token = NewToken {
        name: "auditor".into(),
        roles: [Role::Auditor].into(),
        customer: None,
        class: None,
        lines: None,
        agent: None,
        own_calls_only: false,
        expires_at: None,
    };
    let (_, secret) = vault.create_token(&token).await?;
    Ok(vault.authenticate(secret.reveal()).await?)
}

async fn append_alone(vault: &Vault, clock: &Clock) -> Result<Duration, Failure> {
    const TIMES: u32 = 200;
    let (now, event) = (clock.now(), Event::TenantChanged);
    let body = compose(now, event, None, &json!({}));
    let entry = NewEntry { controller: vault.provider(), at: now, event, recording: None, body };
    let started = Instant::now();
    for _ in 0..TIMES {
        let mut tx = vault.index().begin().await?;
        ledger_entries::append(&mut tx, std::slice::from_ref(&entry)).await?;
        tx.commit().await?;
    }
    Ok(started.elapsed() / TIMES)
}
